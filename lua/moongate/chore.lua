-- Functions that run without a request: `gate.every("5m", "sweep", function() ... end)`.

local core    = require "moongate.core"
local limits  = require "moongate.limits"
local lines   = require "moongate.lines"
local loading = require "moongate.loading"
local run     = require "moongate.run"
local schema  = require "moongate.schema"
local units   = require "moongate.units"
local words   = require "moongate.words"

local chore = {}

local every_within = limits.by_name.every
local options_of = schema.table({
  within = schema.duration(every_within.min, every_within.max),
}, nil, { timeout = "within" })

-- What is wrong with the interval, or nil and its ms.
local function interval(text)
  local ms, wrong = units.duration(text)
  if not ms then
    return "gate.every: " .. wrong
  elseif ms < limits.every_least or ms > limits.every_most then
    return ("gate.every: must be from %s to %s, not %s"):format(units.write_duration(limits.every_least),
      units.write_duration(limits.every_most), words.show(text))
  end
  return nil, ms
end

local function name_wrong(name)
  if type(name) ~= "string" or not name:find("^[%a_][%w_-]*$") or #name > 64 then
    return ("gate.every takes a name of letters, digits, _ and -, at most 64, not %s")
      :format(words.show(name))
  end
  for _, other in ipairs(loading.chores) do
    if other.called == name then
      return ('gate.every: "%s" is a name that %s:%d has already'):format(name, other.file, other.line)
    end
  end
  return nil
end

-- Options that were checked; what is wrong with them is noted.
local function checked(options)
  local report = schema.report()
  local own = options_of(options, report)
  local file, line = loading.place()
  for _, problem in ipairs(report.problems) do
    local at = lines.of_key(loading.texts[file] or "", line, problem.path)
    loading.report(file, at, problem.message, problem.category)
  end
  return own or {}
end

---Runs `fn` whenever the clock reaches a multiple of a time: once in the process, and never twice at
---once.
---@param every string such as "5m"
---@param name string no other has it
---@param options table|function { within = "1m" }, or none
---@param fn function?
function chore.every(every, name, options, fn)
  if not loading.active then
    loading.raise("gate.every is for files while they are loaded, not for running functions")
  elseif fn == nil and type(options) == "function" then
    options, fn = {}, options
  end
  local wrong, ms = interval(every)
  wrong = wrong or name_wrong(name)
    or type(fn) ~= "function" and "gate.every takes a function last: function() ... end" or nil
  if wrong then
    return loading.misuse(wrong)
  end
  local own = checked(options)
  local file, line = loading.place()
  loading.functions[#loading.functions + 1] = fn
  loading.chores[#loading.chores + 1] = {
    called = name, name = ('gate.every "%s"'):format(name), every = ms,
    within = own.within or loading.limits.every, fn = #loading.functions, file = file, line = line,
  }
end

-- Stays on the stack while the author's function is under way.
local function enter(fn)
  local value = fn()
  return value
end
loading.roots[enter] = true

---What C calls for each run: true, or as run.main does.
function chore.main()
  local fn = core.begin_chore()
  local ok, raised = xpcall(enter, run.explain, fn)
  if ok then
    return true
  end
  return run.failure(raised, fn)
end

return chore
