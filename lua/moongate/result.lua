-- Results as scripts see them: plain tables made by C with ok, status, error, ms and name; body,
-- text and headers are decoded when first touched, while the request lives.

local core = require "moongate.core"

local result = {}

-- Places 1 and 2 of a result: what C finds it again by.
local HANDLE, ID = 1, 2

-- The failed call whose missing body was read last: the error that indexing it raises names it.
local touched

local readers = { body = true, text = true, headers = true }

---@class moongate.Result
---@field ok boolean
---@field status integer? of HTTP
---@field headers table<string, string> names in lower case
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
      touched = self.error and self or nil
    else
      rawset(self, key, value)
    end
    return value
  end,
  __metatable = false,
}

---@param raw table
---@return moongate.Result
function result.wrap(raw)
  return setmetatable(raw, result.metatable)
end

---What to add to the message of an error that indexed a nil, if a failed call explains it.
---@param message string
---@return string message
function result.explain(message)
  local failed = touched
  touched = nil
  if failed and message:find("attempt to index", 1, true) and message:find("a nil value", 1, true) then
    return ("%s: the body of %s is nil, since the call failed: %s (%s)")
      :format(message, failed.name, failed.error.kind, failed.error.message)
  end
  return message
end

return result
