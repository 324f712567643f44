-- Results as scripts see them: tables made by C, with an error if they failed; body, text and headers
-- are decoded when first touched, while the request lives.

local core   = require "moongate.core"
local header = require "moongate.header"

local result = {}

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
  __index = core.result_reader(header.any_case),
  __json = "the result of a call: its body is wanted",
  __metatable = false,
}

---What to add to the message of an error that indexed a nil, if a failed call explains it.
---@param message string
---@return string message
function result.explain(message)
  local name, kind, why, part = core.touched()
  local what = name and message:match("attempt to index (.-)%(?a nil value")
  local field = what and what:match("^field '(.*)' $")
  if not what or (field and field ~= part) then
    return message
  end
  return ("%s: the %s of %s is nil, since the call failed: %s (%s)"):format(message, part, name, kind, why)
end

return result
