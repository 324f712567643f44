-- `gate.compute("lib.score", "run", { args = { ... } })`: a call of a function of one of the gateway's
-- modules, which runs on a thread of its own, in a state that compiles. Also what such a state runs.

local call    = require "moongate.call"
local core    = require "moongate.core"
local loading = require "moongate.loading"
local problem = require "moongate.problem"
local run     = require "moongate.run"
local sandbox = require "moongate.sandbox"
local words   = require "moongate.words"

local compute = {}

-- The function that a name means in a module's value; or what is wrong with it.
local function pick(module, value, name)
  local fn = type(value) == "table" and rawget(value, name)
  if type(fn) == "function" then
    return fn
  elseif type(value) ~= "table" then
    return nil, ("%s returns no table of functions, but %s"):format(module, words.show(value))
  end
  local functions = {}
  for key, one in pairs(value) do
    functions[key] = type(key) == "string" and type(one) == "function" or nil
  end
  local known = words.names(functions)
  return nil, ('%s has no function "%s"%s'):format(module, name, words.hint(name, known, "functions"))
end

-- What is wrong with what gate.compute is given, or nil. What a module raises while it is loaded is
-- raised.
local function wrong_with(module, name, given)
  if type(module) ~= "string" then
    return ('gate.compute takes the name of a module, such as "lib.score", not %s'):format(words.show(module))
  elseif type(name) ~= "string" then
    return ("gate.compute takes the name of a function of %s, not %s"):format(module, words.show(name))
  elseif not module:find("^lib%.") then
    return ('gate.compute runs modules of lib/: "%s" is none, write one such as "lib.score"'):format(module)
  elseif given ~= nil and type(given) ~= "table" then
    return ("gate.compute takes a table of options: { args = { ... } }, not %s"):format(words.show(given))
  end
  local found, why = sandbox.module(module)
  if not found then
    return why
  end
  return select(2, pick(module, found.value, name))
end

---A call of `module[name](args...)`.
---@param module string such as "lib.score"
---@param name string
---@param given table? options; `args` is a list
---@return moongate.Call
function compute.call(module, name, given)
  if module == loading.ghost or name == loading.ghost or given == loading.ghost then
    return loading.ghost
  end
  local wrong = wrong_with(module, name, given)
  if wrong then
    loading.misuse(wrong)
    return loading.ghost
  end
  local one = call.new({ kind = "compute", path = module, verb = name }, given)
  rawset(one, "json", rawget(one, "args") or core.list {})
  rawset(one, "args", nil)
  return one
end

-- In the states that compute

-- Not by a tail call: the stack shows from where the author's function was called.
local function perform(fn, args)
  local value = fn(unpack(args, 1, #args))
  return value
end
loading.roots[perform] = true

local function find(module, name)
  local found, why = sandbox.module(module)
  local fn
  if found then
    fn, why = pick(module, found.value, name)
  end
  return fn or error(why, 0)
end

local function explain(raised)
  raised = run.explain(raised)
  return problem.is(raised) and tostring(raised) or raised.log
end

---Turns the state into one that computes.
function compute.begin()
  loading.computes = true
  sandbox.routes()
end

---What C calls: true and what the function returned, or false and what went wrong.
---@param module string
---@param name string
---@param args any[]
---@return boolean ok
---@return any
function compute.main(module, name, args)
  local ok, fn = xpcall(find, explain, module, name)
  if not ok then
    return false, fn
  end
  local done, value = xpcall(perform, explain, fn, args)
  if done and value == nil then
    value = core.null
  end
  return done, value
end

return compute
