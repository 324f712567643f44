-- The request as scripts see it: its parts are made when first touched, while the request lives.

local core    = require "moongate.core"
local header  = require "moongate.header"
local problem = require "moongate.problem"

local request = {}

local BODY_FAULTS = {
  none = { 400, "the request has no body, but JSON is wanted" },
  bad  = { 400, "the body is not JSON" },
  type = { 415, "the body is not JSON: its Content-Type says something else" },
  wide = { 400, "an object of the body has too many keys" },
}

-- Raises that a part of the request cannot be read; `why` is said of bodies.
local function refuse(part, why)
  if why then
    local status, detail = unpack(BODY_FAULTS[why])
    problem.raise(status, detail)
  end
  problem.raise(400, ("the %s of the request is broken"):format(part))
end

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
---@field context table of the author, for all functions of one request
request.metatable = {
  __index = core.request_reader(header.any_case, refuse),
  __json = "the request: its parts are wanted",
  __metatable = false,
}

return request
