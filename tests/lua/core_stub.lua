-- Stands in for the part of `moongate.core` that loading needs, so that the Lua half can be tested
-- under plain LuaJIT. What the real one does beyond this is tested with it.

local dkjson = require "dkjson"

local core = {}

core.null = setmetatable({}, { __tostring = function() return "null" end, __metatable = false })

local list_meta = { __name = "list" }
local raw_meta = { __name = "raw" }

function core.list(t)
  return setmetatable(t, list_meta)
end

function core.is_decoded()
  return false -- nothing is, here
end

function core.is_list(t)
  return getmetatable(t) == list_meta
end

function core.raw(text)
  return setmetatable({ text = text }, raw_meta)
end

local function scalar(value)
  if type(value) == "string" then
    return dkjson.quotestring(value)
  elseif type(value) == "number" and value == math.floor(value) then
    return ("%d"):format(value)
  end
  return tostring(value)
end

local function encode(value)
  if value == core.null then
    return "null"
  elseif getmetatable(value) == raw_meta then
    return value.text
  elseif type(value) == "function" then
    error("a function is no JSON value")
  elseif type(value) ~= "table" then
    return scalar(value)
  end
  local parts = {}
  if core.is_list(value) or #value > 0 then
    for i, item in ipairs(value) do
      parts[i] = encode(item)
    end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  local keys = {}
  for key in pairs(value) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for i, key in ipairs(keys) do
    parts[i] = scalar(key) .. ":" .. encode(value[key])
  end
  return "{" .. table.concat(parts, ",") .. "}"
end
core.encode = encode

function core.decode(text)
  local value, _, message = dkjson.decode(text, 1, core.null)
  return value, message
end

function core.load(text, chunkname, env)
  if text:byte() == 27 then
    return nil, chunkname .. ": attempt to load a binary chunk"
  end
  local chunk, message = loadstring(text, chunkname)
  return chunk and setfenv(chunk, env), message
end

local origins = 0

function core.origin()
  origins = origins + 1
  return origins
end

-- Every call goes through its schema.
function core.describe()
  return nil
end

-- The files of the gateway under test: name -> text.
core.sources = {}

function core.source(name)
  return core.sources[name]
end

function core.names()
  local names = {}
  for name in pairs(core.sources) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- What was printed.
core.logged = {}

function core.log(text)
  core.logged[#core.logged + 1] = text
end

return core
