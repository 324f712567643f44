-- Functions that run without a request: `gate.every("5m", "sweep", function() ... end)`, and tasks.

local core    = require "moongate.core"
local limits  = require "moongate.limits"
local loading = require "moongate.loading"
local run     = require "moongate.run"
local schema  = require "moongate.schema"
local units   = require "moongate.units"
local words   = require "moongate.words"

local chore = {
  running = nil, -- metatable of what a task's function gets; task.lua puts it here, and
  finish = nil,  -- what is to be done with that when the function has returned
}

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

---What is wrong with a name, or nil.
---@param what string such as "gate.every"
---@param name any
---@return string?
function chore.name_wrong(what, name)
  local wrong = words.name_wrong(what, name)
  if wrong then
    return wrong
  end
  for _, other in ipairs(loading.chores) do
    if other.called == name and other.what == what then
      return ('%s: "%s" is a name that %s:%d has already'):format(what, name, other.file, other.line)
    end
  end
  return nil
end

---Options that were checked; what is wrong with them is noted.
---@param node function of schema
---@param options any
---@return table
function chore.checked(node, options)
  local report = schema.report()
  local own = node(options, report)
  local file, line = loading.place()
  loading.note(report, file, line)
  return own or {}
end

---Keeps a function for C to run.
---@param fields table as boot.chores has them
---@param fn function
function chore.add(fields, fn)
  fields.file, fields.line = loading.place()
  fields.what = fields.every > 0 and "gate.every" or "gate.task"
  fields.fn = loading.keep(fn)
  loading.chores[#loading.chores + 1] = fields
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
  wrong = wrong or chore.name_wrong("gate.every", name)
    or type(fn) ~= "function" and "gate.every takes a function last: function() ... end" or nil
  if wrong then
    return loading.misuse(wrong)
  end
  local own = chore.checked(options_of, options)
  chore.add({ called = name, name = ('gate.every "%s"'):format(name), every = ms,
    within = own.within or loading.limits.every }, fn)
end

-- Stays on the stack while the author's function is under way.
local function enter(fn, args, task)
  local value = fn(args, task)
  if task then
    chore.finish(task)
  end
  return task and value ~= nil and core.encode(value, "the task's result") or ""
end
loading.roots[enter] = true

---What C calls for each run: true and what a task has made, as JSON; or as run.main does.
function chore.main()
  local fn, id, attempt, args = core.begin_chore()
  local task = id and setmetatable({ id = id, attempt = attempt }, chore.running)
  local ok, made = xpcall(enter, run.explain, fn, args, task)
  if ok then
    return true, made
  end
  return run.failure(made, fn)
end

return chore
