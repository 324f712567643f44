-- What `secrets` of gateway.lua says. Routes read it by gate.secret; it is no part of the canonical
-- configuration, and what is written for people has each value taken out.

local core    = require "moongate.core"
local loading = require "moongate.loading"
local words   = require "moongate.words"

local secret = {}

local values = {}   -- name -> text
local hidden = {}   -- { name, text } of each spelling of each, longest first
local known = false -- gateway.lua was read, and is right

---@param given table<string, string>
function secret.set(given)
  values, hidden, known = given, {}, true
  for name, value in pairs(given) do
    hidden[#hidden + 1] = { name, value }
    local ok, json = pcall(core.encode, value) -- not if it is not UTF-8
    if ok and json ~= '"' .. value .. '"' then
      hidden[#hidden + 1] = { name, json:sub(2, -2) }
    end
    local encoded = words.encoded(value)
    if encoded ~= value then
      hidden[#hidden + 1] = { name, encoded } -- as a path or query has it
    end
  end
  table.sort(hidden, function(a, b) -- one may be a part of another
    if #a[2] ~= #b[2] then
      return #a[2] > #b[2]
    end
    return a[2] < b[2]
  end)
end

---`gate.secret "stripe"`
---@param name string
---@return string
function secret.get(name)
  local value = type(name) == "string" and values[name]
  if value then
    return value
  elseif loading.active and not known then
    return loading.ghost -- the fault in gateway.lua is told
  elseif type(name) ~= "string" then
    loading.misuse(("gate.secret takes the name of a secret, not %s"):format(words.show(name)))
    return loading.ghost
  end
  return loading.unknown('no secret "%s"', name, words.names(values), "secrets")
end

-- The text with the name in place of the value.
local function without(text, name, value)
  local parts, from = {}, 1
  while true do
    local first, last = text:find(value, from, true)
    if not first then
      break
    end
    parts[#parts + 1] = text:sub(from, first - 1) .. "[secret " .. name .. "]"
    from = last + 1
  end
  return from == 1 and text or table.concat(parts) .. text:sub(from)
end

---A text for people, with the names of secrets in place of their values.
---@param text string
---@return string
function secret.redact(text)
  for _, one in ipairs(hidden) do
    text = without(text, one[1], one[2])
  end
  return text
end

loading.redact = secret.redact

return secret
