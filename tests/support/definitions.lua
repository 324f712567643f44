-- Reads LuaCATS definitions as far as lua/types/ uses them: classes with fields and functions,
-- aliases, what functions take and give.
local lfs = require "lfs"

local definitions = {}

-- A type expression and what stands behind it: a space ends the type, unless within brackets or
-- behind a sign that goes on.
local function split(text)
  local depth = 0
  for at = 1, #text do
    local char, before = text:sub(at, at), text:sub(at - 1, at - 1)
    if char:find "[(<{%[]" then
      depth = depth + 1
    elseif char:find "[)>}%]]" then
      depth = depth - 1
    elseif char == " " and depth == 0 and not before:find "[:,|]" then
      return text:sub(1, at - 1), text:sub(at + 1)
    end
  end
  return text, ""
end

local reading = {}
reading.__index = reading

function reading:note_types(text, line)
  local expression, rest = split(text)
  self.types[#self.types + 1] = { text = expression, line = line, generics = self.generics }
  return expression, rest
end

local TAGS = {}

function TAGS.class(self, rest)
  local name, parent = rest:match "^([%w_.]+) : ([%w_.]+)$"
  name = name or rest:match "^[%w_.]+$" or error("no class: " .. rest)
  self.class, self.described = { name = name, parent = parent, members = {} }, false
  self.classes[name] = self.class
end

function TAGS.field(self, rest, line)
  local name, _, behind = rest:match "^([%w_]+)(%??) (.*)$"
  if not name then
    name, behind = rest:match "^(%[%w+%]) (.*)$"
  end
  assert(self.class and name, line)
  local _, comment = self:note_types(behind, line)
  self.class.members[name] = { described = comment ~= "" or self.described, text = behind, note = comment }
  self.described = false
end

function TAGS.alias(self, rest, line)
  local name, behind = rest:match "^([%w_.]+) ?(.*)$"
  self.aliases[name], self.alias_open = {}, name
  if behind ~= "" then
    self:note_types(behind, line)
  end
end

function TAGS.param(self, rest, line)
  local name, behind = rest:match "^([%w_.]+)%?? (.*)$"
  assert(name, line)
  self.params[#self.params + 1] = name
  self:note_types(behind, line)
end

TAGS["return"] = function(self, rest, line)
  self:note_types(rest, line)
end

function TAGS.generic(self, rest)
  self.generics = { [rest] = true }
end

function TAGS.overload(self, rest, line)
  self:note_types(rest, line)
end

function TAGS.type(self, rest, line)
  self:note_types(rest, line)
end

function TAGS.meta() end

-- What a line of code says: a variable that stands for the class above it, or a function.
function reading:code(line)
  local variable = line:match "^local (%w+) = {}$"
  if variable then
    self.variables[variable] = self.class
    return
  end
  local constant = line:match "^([%w_]+) = nil$"
  if constant then
    self.globals[constant] = { described = self.described }
    return
  end
  local owner, name, taken = line:match "^function (%w*)[.:]?([%w_]+)%((.-)%) end$"
  if not name then
    return assert(line:find "^return %w+$", line)
  end
  local given = table.concat(self.params, ", ")
  if given ~= taken then
    self.wrong[#self.wrong + 1] = ("%s: @param says %s"):format(line, given)
  end
  local class = self.variables[owner]
  if class then
    class.members[name] = { described = self.described, text = line }
  else
    self.globals[owner .. name] = { described = self.described }
  end
end

function reading:line(line)
  local tag, rest = line:match "^%-%-%-@(%l+) ?(.*)$"
  local value = line:match '^%-%-%-| (%S+)'
  if tag then
    assert(TAGS[tag], line)(self, rest, line)
  elseif value then
    self.aliases[self.alias_open][value] = true
  elseif line:find "^%-%-%-%S" then
    self.described = true
  elseif line ~= "" and not line:find "^%-%- " then
    self:code(line)
  end
  if line == "" then
    self.params, self.described, self.generics = {}, false, nil
  end
end

local function read(folder)
  local self = setmetatable({
    classes = {}, aliases = {}, globals = {}, types = {}, wrong = {},
  }, reading)
  for file in lfs.dir(folder) do
    if file:find "%.lua$" then
      self.variables, self.class = {}, nil
      self:line ""
      for line in io.lines(folder .. "/" .. file) do
        self:line(line)
      end
    end
  end
  return self
end

local KNOWN = {}
for name in ("any nil boolean string number integer table userdata fun self true false"):gmatch "%S+" do
  KNOWN[name] = true
end

-- The names of types in an expression, without the names of parameters and fields in it.
local function names_in(expression)
  local bare = expression:gsub('".-"', ""):gsub("[%w_]+%??:%s*", ""):gsub("%[%d%]", "")
  return bare:gmatch "[%a_][%w_.]*"
end

---@param folder string
function definitions.read(folder)
  local made = read(folder)
  local types = {}

  -- The names of a class's members, those of the classes it extends too, but for [string].
  function types.names(name)
    local class = assert(made.classes[name], name)
    local names = class.parent and types.names(class.parent) or {}
    for member in pairs(class.members) do
      names[member] = member ~= "[string]" or nil
    end
    return names
  end

  -- What is said of a field behind its name; behind its type.
  function types.text(class, field)
    return made.classes[class].members[field].text
  end

  function types.note(class, field)
    return made.classes[class].members[field].note
  end

  -- The values of an alias, as they are written.
  function types.alias(name)
    return assert(made.aliases[name], name)
  end

  function types.unknown()
    local unknown = {}
    for _, one in ipairs(made.types) do
      for name in names_in(one.text) do
        if not (KNOWN[name] or made.classes[name] or made.aliases[name]
            or one.generics and one.generics[name]) then
          unknown[#unknown + 1] = ("%s: %s"):format(name, one.line)
        end
      end
    end
    return unknown
  end

  function types.parameters_wrong()
    return made.wrong
  end

  function types.undocumented()
    local missing = {}
    for _, class in pairs(made.classes) do
      for name, member in pairs(class.members) do
        if not member.described then
          missing[#missing + 1] = class.name .. "." .. name
        end
      end
    end
    for name, one in pairs(made.globals) do
      if not one.described then
        missing[#missing + 1] = name
      end
    end
    return missing
  end

  function types.globals()
    return made.globals
  end

  return types
end

return definitions
