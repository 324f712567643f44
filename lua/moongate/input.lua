-- What a route says about its input: `{ id = "integer", query = { page = { "integer", min = 1 } } }`.

local core   = require "moongate.core"
local header = require "moongate.header"
local schema = require "moongate.schema"
local value  = require "moongate.value"
local words  = require "moongate.words"

local input = {}

local TYPES = { "any", "boolean", "integer", "number", "string", "uuid" }
local IS_TYPE = {}
for _, name in ipairs(TYPES) do
  IS_TYPE[name] = true
end

---@class moongate.Field
---@field type "any"|"boolean"|"integer"|"number"|"string"|"uuid"
---@field optional boolean
---@field list boolean
---@field default any
---@field min number?
---@field max number?
---@field one_of any[]?
---@field match string?

-- "string?", "string[]", "string[]?" taken apart; nil and a message if it is none.
local function spelling(text)
  local name, list, optional = text:match("^(%a+)(%[?%]?)(%??)$")
  if not name or (list ~= "" and list ~= "[]") then
    return nil, ('"%s" is no type: write one such as "integer", "string?" or "string[]"'):format(text)
  elseif not IS_TYPE[name] then
    return nil, ('no type "%s"%s'):format(name, words.hint(name, TYPES, "types"))
  end
  return { type = name, list = list == "[]", optional = optional == "?" }
end

-- True if `one` is a value of the declared type, not counting lists.
local function fits(field, one)
  local kind = type(one)
  if field.type == "any" then
    return true
  elseif field.type == "integer" then
    return kind == "number" and one == math.floor(one) or kind == "userdata" or kind == "cdata"
  elseif field.type == "uuid" then
    return kind == "string" and #one == 36 and one:find("^%x+%-%x+%-%x+%-%x+%-%x+$") ~= nil
  end
  return kind == field.type
end

-- The elements of a list that the author wrote, as a list of our own; nil if it is none.
local function elements(given)
  if type(given) ~= "table" or #given == 0 and next(given) ~= nil then
    return nil
  end
  local list = {}
  for i, one in ipairs(given) do
    list[i] = one
  end
  return core.list(list)
end

local function check_default(field, given, report)
  local values = field.list and elements(given) or not field.list and { given }
  if not values then
    return report:fail_key("default", ("default must be a list of %s"):format(field.type))
  end
  for _, one in ipairs(values) do
    if not fits(field, one) then
      return report:fail_key("default", ("default must be of type %s, not %s")
        :format(field.type, words.show(one)))
    end
  end
  report:push "default"
  field.default = value.node(field.list and values or given, report)
  report:pop()
end

local function check_bound(field, key, given, report)
  if field.type ~= "integer" and field.type ~= "number" and field.type ~= "string" then
    report:fail_key(key, ("%s is for integer, number and string, not %s"):format(key, field.type))
  elseif type(given) ~= "number" then
    report:fail_key(key, ("%s must be a number, not %s"):format(key, words.show(given)))
  elseif field.type == "string" and (given < 0 or given % 1 ~= 0) then
    report:fail_key(key, ("%s of a string counts its characters: write a whole number, not %s")
      :format(key, words.show(given)))
  else
    field[key] = given
  end
end

local function check_one_of(field, given, report)
  local values = elements(given)
  if not values or #values == 0 then
    return report:fail_key("one_of", "one_of must be a list of values, such as { \"asc\", \"desc\" }")
  end
  for _, one in ipairs(values) do
    if not fits(field, one) then
      return report:fail_key("one_of", ("%s in one_of is not of type %s")
        :format(words.show(one), field.type))
    end
  end
  report:push "one_of"
  field.one_of = value.node(values, report)
  report:pop()
end

-- C compiles it, and says what is wrong with it.
local function check_match(field, given, report)
  if field.type ~= "string" then
    report:fail_key("match", ("match is for string, not %s"):format(field.type))
  elseif type(given) ~= "string" then
    report:fail_key("match", ("match must be a pattern in quotes, not %s"):format(words.show(given)))
  elseif core.decode(core.encode(given)) ~= given then
    report:fail_key("match", "match is no UTF-8")
  else
    field.match = given
  end
end

local OPTIONS = { "default", "match", "max", "min", "one_of" }

local function check_options(field, given, report)
  for key, one in pairs(given) do
    if key == "default" then
      check_default(field, one, report)
    elseif key == "min" or key == "max" then
      check_bound(field, key, one, report)
    elseif key == "one_of" then
      check_one_of(field, one, report)
    elseif key == "match" then
      check_match(field, one, report)
    elseif key ~= 1 then
      local shown = tostring(key)
      report:fail_key(key, ('unknown key "%s"%s'):format(shown, words.hint(shown, OPTIONS, "keys")))
    end
  end
  if field.min and field.max and field.min > field.max then
    report:fail_key("min", ("min %g is more than max %g"):format(field.min, field.max))
  end
end

-- A node: one declared field.
local function declared(given, report)
  local spelt = given
  if type(given) == "table" then
    spelt = rawget(given, 1)
  end
  if type(spelt) ~= "string" then
    local example = 'write a type such as "integer", or { "integer", min = 1 }'
    return report:fail(type(given) == "table" and "names no type: " .. example or example)
  end
  local field, wrong = spelling(spelt)
  if not field then
    return report:fail(wrong)
  end
  if type(given) == "table" then
    check_options(field, given, report)
  end
  return field
end

local function param(given, report)
  local field = declared(given, report)
  if field and (field.optional or field.list or field.default ~= nil) then
    return report:fail("a path parameter is one value and always there: no ?, [] or default")
  end
  return field
end

local GROUPS = {
  query   = schema.map(declared),
  headers = schema.map(declared, function(name)
    return not name:find("^[%w!#$%%&'*+.^_`|~-]+$") and header.name(name) or nil
  end),
  body    = schema.map(declared),
}

local function lowered(headers)
  local canonical = {}
  for name, field in pairs(headers) do
    canonical[name:lower()] = field
  end
  return canonical
end

---A schema node for `input`; `params` are the names of the path's parameters.
---@param params string[]
function input.node(params)
  local known = {}
  for _, name in ipairs(params) do
    known[name] = true
  end
  return function(given, report)
    if type(given) ~= "table" then
      return report:fail(("must be a table, not %s"):format(words.show(given)))
    end
    local canonical = { params = {} }
    for key, one in pairs(given) do
      report:push(key)
      if GROUPS[key] then
        canonical[key] = GROUPS[key](one, report)
      elseif known[key] then
        canonical.params[key] = param(one, report)
      end
      report:pop()
      if not GROUPS[key] and not known[key] then
        local shown = tostring(key)
        local hint = words.hint(shown, params, "parameters")
        report:fail_key(key, ('"%s" is no parameter of the path%s'):format(shown, hint))
      end
    end
    canonical.headers = canonical.headers and lowered(canonical.headers)
    return canonical
  end
end

return input
