-- A call: a description of one thing to ask of one backend. Making one does nothing; routes list
-- them under `calls`, running functions wait for them. `backend.lua` has the verbs that make them.

local core    = require "moongate.core"
local lines   = require "moongate.lines"
local loading = require "moongate.loading"
local options = require "moongate.options"
local schema  = require "moongate.schema"
local words   = require "moongate.words"

---@class moongate.Call
---@field kind "http"|"sql"|"file"|"redis"|"value"|"compute"|"each"
---@field backend string? name of the service, database, folder or Redis
---@field verb string?
---@field within integer? ms
---@field optional boolean?
---@field fallback any
---@field has_fallback boolean?
---@field file string? where it was made; while loading only
---@field line integer?
---@field wait fun(call: moongate.Call, within: string?): moongate.Result
---@field start fun(call: moongate.Call): moongate.Future

local call = {}

-- What a call may have, and so what reading gives nil for when it has not.
local FIELDS = {}
for field in ([[kind backend verb path query headers json form text xml within optional fallback
  has_fallback accept relay needs forward params redirects sql args calls value delay list at_once call
  when file line]])
  :gmatch("%S+") do
  FIELDS[field] = true
end

-- Most calls of running code are lists: first the number of an origin, which is what all calls of
-- one verb of one service have in common, then some fields in their places; see enum mg_call_field.
local PLACES = { path = 2, params = 3, optional = 4, has_fallback = 5, fallback = 6, json = 7 }
local origins = {} ---@type table<integer, { kind: "http", backend: string, verb: string }>

-- What a call that is a list has under a field's name; of one that is none, nil.
local function listed(one, field)
  local origin = origins[rawget(one, 1)]
  if not origin then
    return nil
  end
  local value = rawget(one, PLACES[field] or 0)
  if field == "optional" and not value then -- it is there, so that there may be others behind it
    return nil
  elseif value == nil then
    return origin[field]
  end
  return value
end

---The number of an origin, for calls that are lists.
---@param backend string
---@param verb string
---@return integer
function call.origin(backend, verb)
  local number = core.origin(backend, verb)
  origins[number] = { kind = "http", backend = backend, verb = verb }
  return number
end

-- What running code does with a call; init.lua puts `wait` and `start` here.
call.methods = {}

call.metatable = {
  __index = function(one, key)
    local method = call.methods[key]
    if method then
      return method
    elseif FIELDS[key] then
      return listed(one, key)
    end
    error(("this call has not been run, so it has no %s: say :wait()"):format(words.show(key)), 2)
  end,
  __newindex = function(_, key)
    error(("a call is a description: put %s into its options"):format(words.show(key)), 2)
  end,
  __concat = function()
    error('a call is a description, not a text: put a placeholder like "{id}" in its path', 2)
  end,
  __call = function()
    error("a call is a description: say :wait() to run it", 2)
  end,
  __json = "a call that was not run: say :wait()",
  __metatable = false,
}

---@param one any
---@return boolean
function call.is(one)
  return type(one) == "table" and debug.getmetatable(one) == call.metatable
end

---What the call has, under the fields' names, however it keeps them.
---@param one moongate.Call
---@return table<string, any>
function call.fields(one)
  local fields = {}
  for field in next, FIELDS do
    fields[field] = rawget(one, field)
    if fields[field] == nil then
      fields[field] = listed(one, field)
    end
  end
  return fields
end

-- Problems of a call's options: all are noted while loading, the first is raised while running.
local function complain(report)
  local file, line = loading.place()
  local text = loading.texts[file]
  for _, problem in ipairs(report.problems) do
    local at = text and lines.of_key(text, line, problem.path) or line
    if not loading.active then
      error(("%s:%d: %s"):format(file, at, problem.message), 0)
    end
    loading.report(file, at, problem.message, problem.category)
  end
end

---Checks one argument of a verb with a schema node.
---@param given any
---@param name string what messages call it
---@param node function
function call.check(given, name, node)
  local report = schema.report()
  report:push(name)
  node(given, report)
  complain(report)
end

-- The report of running calls: nothing waits while options are checked, so one is enough. What is
-- raised leaves it dirty, so it is replaced then.
local shared = schema.report()

local function take(one, given, node, verb)
  local report = shared
  report.depth = 0
  local canonical = node(given, report)
  local conflict, key
  if canonical then
    conflict, key = options.conflict(given, verb)
  end
  if conflict then
    report:fail_key(key, conflict)
  end
  if #report.problems > 0 then
    shared = schema.report()
    complain(report)
  end
  for field, value in pairs(canonical or {}) do
    if field ~= "optional" or value then
      one[field] = value
    end
  end
  if canonical and rawget(given, "fallback") ~= nil then
    one.has_fallback = true
  end
end

---Makes a call of the fields of `one` and of the options, which are checked.
---@param one table kind, backend, verb and what the verb takes
---@param given table? options
---@return moongate.Call
function call.new(one, given)
  if given ~= nil and given ~= loading.ghost then
    take(one, given, options[one.kind], one.verb)
  end
  if loading.active then
    one.file, one.line = loading.place()
  end
  return setmetatable(one, call.metatable)
end

return call
