-- Checks tables against a declared shape and makes them canonical. A node is a function
-- `node(value, report) -> canonical value`; what is wrong goes to the report, with its key path,
-- and nil comes back. Nodes are made once, when the library loads, and are cheap to run.

local core = require "moongate.core"
local units = require "moongate.units"
local words = require "moongate.words"

local schema = {}

---@class moongate.Report
---@field keys (string|number)[] the path to the value under the node
---@field depth integer
---@field problems { path: string, message: string, category: string? }[]
local Report = {}
Report.__index = Report

---@return moongate.Report
function schema.report()
  return setmetatable({ keys = {}, depth = 0, problems = {} }, Report)
end

function Report:push(key)
  self.depth = self.depth + 1
  self.keys[self.depth] = key
end

function Report:pop()
  self.depth = self.depth - 1
end

---@return string path such as "services.users.within", "listen[2]"
function Report:path()
  local path = ""
  for i = 1, self.depth do
    local key = self.keys[i]
    if type(key) == "string" then
      path = path == "" and key or path .. "." .. key
    else
      path = ("%s[%s]"):format(path, words.show(key))
    end
  end
  return path
end

---Notes that the value at the current path is wrong; its path is written before the message.
function Report:fail(message, category)
  local path = self:path()
  local text = path == "" and message or path .. ": " .. message
  self.problems[#self.problems + 1] = { path = path, message = text, category = category }
end

---Notes that the key `key` of the table at the current path is wrong: the message names the key.
function Report:fail_key(key, message, category)
  local around = self:path()
  self:push(key)
  local path = self:path()
  self:pop()
  local text = around == "" and message or around .. ": " .. message
  self.problems[#self.problems + 1] = { path = path, message = text, category = category }
end

---A table with exactly these keys. Keys in `not_yet` are known, but not built.
---@param keys table<string, function>
---@param not_yet table<string, true>?
---@param aliases table<string, string>? wrong words that people try -> the key they mean
---@param elsewhere table<string, string>? keys that belong somewhere else -> where, for people
function schema.table(keys, not_yet, aliases, elsewhere)
  local names = words.names(keys)
  local function unknown(report, key)
    if not_yet and not_yet[key] then
      report:fail_key(key, ('not yet: "%s"'):format(key), "not yet")
    elseif type(key) ~= "string" then
      report:fail_key(key, ("%s is no key: write name = value"):format(words.show(key)))
    elseif elsewhere and elsewhere[key] then
      report:fail_key(key, ('"%s" %s'):format(key, elsewhere[key]))
    elseif aliases and aliases[key] then
      report:fail_key(key, ('unknown key "%s": did you mean "%s"?'):format(key, aliases[key]))
    else
      report:fail_key(key, ('unknown key "%s"%s'):format(key, words.hint(key, names, "keys")))
    end
  end
  return function(value, report)
    if type(value) ~= "table" then
      return report:fail(("must be a table, not %s"):format(words.show(value)))
    end
    local canonical = {}
    for key, field in pairs(value) do
      local node = keys[key]
      if node then
        report:push(key)
        canonical[key] = node(field, report)
        report:pop()
      else
        unknown(report, key)
      end
    end
    return canonical
  end
end

---A table of any string keys that `name(key)` accepts, all values of one shape.
---@param node function
---@param name? fun(key: string): string? what is wrong with a key
function schema.map(node, name)
  return function(value, report)
    if type(value) ~= "table" or value == core.null then
      return report:fail(("must be a table of name = value, not %s"):format(words.show(value)))
    end
    local canonical = {}
    for key, field in pairs(value) do
      local wrong = type(key) ~= "string" and "write name = value" or name and name(key)
      if wrong then
        report:fail_key(key, ("%s: %s"):format(words.show(key), wrong))
      else
        report:push(key)
        canonical[key] = node(field, report)
        report:pop()
      end
    end
    return canonical
  end
end

local function is_sequence(value)
  local count = 0
  for _ in pairs(value) do
    count = count + 1
  end
  return count == #value
end

---A list of values of one shape; one such value alone stands for a list of one.
---@param node function
---@param options { least: integer? }?
function schema.list(node, options)
  local least = options and options.least or 0
  return function(value, report)
    if type(value) ~= "table" or value == core.null then
      return core.list { node(value, report) }
    elseif not is_sequence(value) then
      return report:fail("must be a list, such as { a, b }")
    elseif #value < least then
      return report:fail("must not be empty")
    end
    local canonical = {}
    for i, item in ipairs(value) do
      report:push(i)
      canonical[#canonical + 1] = node(item, report)
      report:pop()
    end
    return core.list(canonical)
  end
end

---A string; `check(text)` says what is wrong with it and, if it is not built yet, its category.
---@param check? fun(text: string): string?, string?
function schema.string(check)
  return function(value, report)
    if type(value) ~= "string" then
      return report:fail(("must be a string, not %s"):format(words.show(value)))
    end
    if check then
      local wrong, category = check(value)
      if wrong then
        return report:fail(wrong, category)
      end
    end
    return value
  end
end

---A whole number from `min` to `max`.
function schema.integer(min, max)
  return function(value, report)
    if type(value) ~= "number" or value ~= math.floor(value) then
      return report:fail(("must be a whole number, not %s"):format(words.show(value)))
    elseif value < min or value > max then
      return report:fail(("must be from %d to %d, not %d"):format(min, max, value))
    end
    return value
  end
end

local function measured(parse, write)
  return function(min, max)
    return function(value, report)
      local amount, wrong = parse(value)
      if not amount then
        return report:fail(wrong)
      elseif amount < min or amount > max then
        return report:fail(("must be from %s to %s, not %s"):format(write(min), write(max), value))
      end
      return amount
    end
  end
end

---A duration such as "200ms"; canonical in ms. `min` and `max` in ms.
schema.duration = measured(units.duration, units.write_duration)

---A size such as "16KiB"; canonical in bytes. `min` and `max` in bytes.
schema.size = measured(units.size, units.write_size)

---A value of a limit, as limits.lua describes it.
---@param limit moongate.Limit
function schema.limit(limit)
  local make = limit.unit == "count" and schema.integer or schema[limit.unit]
  local node = make(limit.min, limit.max)
  return limit.auto and schema.word_or("auto", 0, node) or node
end

function schema.boolean(value, report)
  if type(value) ~= "boolean" then
    return report:fail(("must be true or false, not %s"):format(words.show(value)))
  end
  return value
end

---`node` unless the value is the literal `word`, which becomes `canonical`.
function schema.word_or(word, canonical, node)
  return function(value, report)
    if value == word then
      return canonical
    end
    return node(value, report)
  end
end

return schema
