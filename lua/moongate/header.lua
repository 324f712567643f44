-- Header names and values that an author writes (RFC 9110 §5.1, §5.5).

local schema = require "moongate.schema"

local header = {}

-- Moongate writes these itself: they say how the message is framed or end at one hop
-- (RFC 9110 §7.6.1, RFC 9112 §6).
local OWN = {
  connection = true, ["content-length"] = true, expect = true, ["keep-alive"] = true,
  ["proxy-connection"] = true, te = true, trailer = true, ["transfer-encoding"] = true,
  upgrade = true,
}

---What is wrong with a header's name, or nil.
---@param name string
---@return string? wrong
function header.name(name)
  if not name:find("^[%w!#$%%&'*+.^_`|~-]+$") then
    return "no name for a header: letters, digits and hyphens make one"
  elseif OWN[name:lower()] then
    return "Moongate writes this header itself"
  end
  return nil
end

---What is wrong with a header's value, or nil.
---@param value string
---@return string? wrong
function header.value(value)
  if value:find("[%z\r\n]") then
    return "CR, LF and NUL cannot be part of a header"
  elseif value:gsub("\t", ""):find("%c") then
    return "control bytes cannot be part of a header"
  end
  return nil
end

---A schema node: a table of headers whose values are `node`s. Case does not tell names apart.
---@param node function
function header.map(node)
  local map = schema.map(node, header.name)
  return function(given, report)
    local canonical, seen = map(given, report), {}
    for name in pairs(canonical or {}) do
      local lower = name:lower()
      if seen[lower] then
        report:fail_key(name, ('"%s" and "%s" are the same header'):format(
          name < seen[lower] and name or seen[lower], name < seen[lower] and seen[lower] or name))
      end
      seen[lower] = name
    end
    return canonical
  end
end

-- The metatable of fields that came in: their names, which are in lower case, are looked up in any.
header.any_case = {
  __index = function(self, key)
    if type(key) == "string" then
      return rawget(self, key:lower())
    end
  end,
  __metatable = false,
}

return header
