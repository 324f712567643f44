-- Results as scripts see them: plain tables made by C with ok, status, error, ms and name; body,
-- text and headers are decoded when first touched, while the request lives.

local core   = require "moongate.core"
local header = require "moongate.header"

local result = {}

-- Places 1 and 2 of a result: what C finds it again by.
local HANDLE, ID = 1, 2

local readers = { body = true, text = true, headers = true }

-- The failed call whose missing part was read last, and that part: the error that indexing it
-- raises names them.
local touched, touched_part

---@class moongate.Result
---@field ok boolean
---@field status integer? of HTTP
---@field headers table<string, string> looked up in any case
---@field body any decoded JSON, or text; nil when the call failed and has no fallback
---@field text string the body as it came
---@field error { kind: string, message: string }? why it failed
---@field ms integer from start to end
---@field name string of the call
result.metatable = {
  __index = function(self, key)
    if not readers[key] then
      return nil
    end
    local value = core.result_part(self[HANDLE], self[ID], key)
    if value == nil then
      touched, touched_part = self.error and self or nil, key
    else
      if key == "headers" then
        setmetatable(value, header.any_case)
      end
      rawset(self, key, value)
    end
    return value
  end,
  __json = "the result of a call: its body is wanted",
  __metatable = false,
}

---@param raw table
---@return moongate.Result
function result.wrap(raw)
  return setmetatable(raw, result.metatable)
end

---What was read before is of no interest: another request's function runs from here on.
function result.forget()
  touched = nil
end

---What to add to the message of an error that indexed a nil, if a failed call explains it.
---@param message string
---@return string message
function result.explain(message)
  local failed, part = touched, touched_part
  touched = nil
  local what = failed and message:match("attempt to index (.-)%(?a nil value")
  local field = what and what:match("^field '(.*)' $")
  if not what or (field and field ~= part) then
    return message
  end
  return ("%s: the %s of %s is nil, since the call failed: %s (%s)")
    :format(message, part, failed.name, failed.error.kind, failed.error.message)
end

return result
