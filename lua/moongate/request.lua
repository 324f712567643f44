-- The request as scripts see it: its parts are made when first touched, while the request lives.

local core    = require "moongate.core"
local header  = require "moongate.header"
local problem = require "moongate.problem"

local request = {}

local HANDLE = 1

local parts = {}
for name in ("id method path host ip params query headers cookies body text form"):gmatch("%S+") do
  parts[name] = true
end

local BODY_FAULTS = {
  none = { 400, "the request has no body, but JSON is wanted" },
  bad  = { 400, "the body is not JSON" },
  type = { 415, "the body is not JSON: its Content-Type says something else" },
}

---@class moongate.Request
---@field id string
---@field method string
---@field path string
---@field host string
---@field ip string of the client
---@field params table<string, any>
---@field query table<string, any> the first value of each name unless declared as a list
---@field headers table<string, string> looked up in any case
---@field cookies table<string, string>
---@field body any the decoded JSON
---@field text string the body as it came
---@field form table<string, string>
request.metatable = {
  __index = function(self, key)
    if not parts[key] then
      return nil
    end
    local value, fault = core.request_part(self[HANDLE], key)
    if fault then
      local status, detail = unpack(BODY_FAULTS[fault])
      problem.raise(status, detail)
    elseif value == nil then
      problem.raise(400, ("the %s of the request is broken"):format(key))
    end
    if key == "headers" then
      setmetatable(value, header.any_case)
    end
    rawset(self, key, value)
    return value
  end,
  __json = "the request: its parts are wanted",
  __metatable = false,
}

---@param handle userdata
---@return moongate.Request
function request.wrap(handle)
  return setmetatable({ handle }, request.metatable)
end

return request
