-- Tasks: functions that run after their request has been answered, whose arguments, state and result
-- are kept. `local report = gate.task("report", { keep = "1h" }, function(args, task) ... end)`.

local chore   = require "moongate.chore"
local core    = require "moongate.core"
local group   = require "moongate.group"
local limits  = require "moongate.limits"
local loading = require "moongate.loading"
local problem = require "moongate.problem"
local reply   = require "moongate.reply"
local run     = require "moongate.run"
local schema  = require "moongate.schema"
local words   = require "moongate.words"

local task = {}

local ROOTS = { query = true, headers = true, cookies = true, context = true }

-- What an owner is, or nil and what is wrong: the part of a request that the one who started a task
-- and the one who asks for it must have in common.
local function owner_of(text)
  local inner = type(text) == "string" and text:match("^{([%w_.-]+)}$")
  if not inner then
    return nil, ('must be one placeholder such as "{headers.x-user}" or "{context.user.id}", not %s')
      :format(words.show(text))
  end
  local root, rest = inner:match("^([%a_][%w_]*)%.?(.*)$")
  if root == "claims" then
    return nil, 'not yet: "{claims...}"', "not yet"
  elseif ROOTS[root] and rest == "" then
    return nil, ('{%s} names no part of it: write "{%s.name}"'):format(root, root)
  elseif not ROOTS[root] and (rest ~= "" or not root) then
    return nil, ('{%s}: an owner is of headers, cookies, query or context, or a parameter of the path')
      :format(inner)
  end
  return { shown = inner, root = ROOTS[root] and root or "params", path = rest ~= "" and rest or root }
end

local function owner_node(text, report)
  local owner, wrong, category = owner_of(text)
  if not owner then
    return report:fail(wrong, category)
  end
  return owner
end

local usual, most = limits.task, limits.task_most
local options_of = schema.table({
  within = schema.duration(10, most.within), keep = schema.duration(10, most.keep),
  tries = schema.integer(1, most.tries), owner = owner_node,
}, nil, { timeout = "within", ttl = "keep", retries = "tries" })

-- The value that an owner has in the request that is answered, as text.
local function value_of(owner)
  local req = core.request()
  if not req then
    loading.raise(("the owner {%s} is a part of a request, and this runs without one"):format(owner.shown))
  end
  local value = req[owner.root]
  for step in (owner.root == "context" and owner.path or ""):gmatch("[^.]+") do
    value = type(value) == "table" and value[step] or nil
  end
  if owner.root ~= "context" then
    value = value[owner.path]
  end
  if value == nil or value == core.null or value == "" then
    if owner.root == "context" then
      loading.raise(("the owner {%s} is not there"):format(owner.shown))
    end
    problem.raise(400, ("the request is not what this route takes: %s is missing"):format(owner.shown))
  end
  return type(value) == "string" and value or core.encode(value, "owner")
end

-- Asks the keeper of tasks; the decoded answer, and the result as it came.
local function ask(verb, fields)
  local ok, id = pcall(core.ticket, verb, fields)
  if not ok then
    loading.raise(id)
  end
  return run.outcome(id)
end

local function who(self)
  return self.owner and value_of(self.owner) or ""
end

---@class moongate.Task
local methods = {}

-- The task behind a handle.
local own = setmetatable({}, { __mode = "k" })

---Starts it; it is kept when this returns, and runs soon.
---@param args any what JSON can say
---@return string id
function methods.start(self, args)
  local json = args ~= nil and core.encode(args, "args") or ""
  if #json > limits.task_args then
    loading.raise(("the arguments of a task are at most %d bytes as JSON"):format(limits.task_args))
  end
  return ask("add", {
    task = self.name, owner = who(self), text = json, keep = self.keep, tries = self.tries,
  }).body
end

-- The task that a request's path names, as its owner sees it; 404 for anybody else.
local function shown(self, req)
  local found = ask("get", { task = self.name, id = req.params.task, owner = who(self) }).body
  if found == core.null or found == nil then
    problem.raise(404, "there is no such task")
  end
  return found
end

local function result_of(self, req)
  local found = shown(self, req)
  local state = found.state
  if state ~= "done" then
    problem.raise(state == "failed" and 404 or 409, ("the task is %s: it has no result"):format(state))
  end
  local result = ask("result", { task = self.name, id = req.params.task, owner = who(self) })
  return found.size and reply.reply { text = result.text } or core.raw(result.text)
end

local function cancel(self, req)
  local done = ask("cancel", { task = self.name, id = req.params.task, owner = who(self) }).body
  if done ~= true then
    problem.raise(404, "there is no such task")
  end
  return reply.reply { status = 204, text = "" }
end

---Declares GET and DELETE `/{task}` and GET `/{task}/result`.
---@param api table a group, or gate itself
function methods.routes(self, api)
  local prefix = group.prefix_of(api)
  if not prefix then
    return loading.misuse("routes takes a group, or gate itself: report:routes(api)")
  elseif self.prefix then
    return loading.misuse(('the task "%s" has its routes already'):format(self.name))
  end
  self.prefix = prefix
  api.get("/{task}", function(req) return shown(self, req) end)
  api.get("/{task}/result", function(req) return result_of(self, req) end)
  api.delete("/{task}", function(req) return cancel(self, req) end)
end

local names = words.names(methods)

local function guarded(verb)
  return function(handle, ...)
    if not own[handle] then
      loading.raise(("say report:%s(...), with a colon"):format(verb))
    elseif (verb == "start") == loading.active then
      loading.misuse(("report:%s() is for %s"):format(verb, loading.active
        and "running functions: while files load nothing is run" or "files while they are loaded"))
      return loading.ghost
    end
    return methods[verb](own[handle], ...)
  end
end

local visible = {}
for _, verb in ipairs(names) do
  visible[verb] = guarded(verb)
end

local metatable = {
  __index = function(_, verb)
    if visible[verb] then
      return visible[verb]
    end
    return loading.unknown("a task has no %s", verb, names, "verbs")
  end,
  __newindex = function() error("a task is declared by gate.task", 2) end,
  __json = "a task: say :start(args)",
  __metatable = false,
}

local by_name = {}

---Declares a task.
---@param name string no other has it
---@param options table|function { within =, keep =, tries =, owner = }, or none
---@param fn fun(args: any, task: moongate.RunningTask): any what it returns is its result
---@return moongate.Task
function task.declare(name, options, fn)
  if not loading.active then
    loading.raise("gate.task is for files while they are loaded, not for running functions")
  elseif fn == nil and type(options) == "function" then
    options, fn = {}, options
  end
  local wrong = chore.name_wrong("gate.task", name)
    or type(fn) ~= "function" and "gate.task takes a function last: function(args, task) ... end" or nil
  if wrong then
    loading.misuse(wrong)
    return loading.ghost
  end
  local checked = chore.checked(options_of, options)
  chore.add({ called = name, name = ('task "%s"'):format(name), every = 0,
    within = checked.within or usual.within }, fn)
  local handle = setmetatable({}, metatable)
  own[handle] = {
    name = name, owner = checked.owner, keep = checked.keep or usual.keep,
    tries = checked.tries or usual.tries,
  }
  by_name[name] = own[handle]
  return handle
end

-- A prefix with the parameters that the request has.
local function filled(prefix)
  local req = core.request()
  return (prefix:gsub("{{", "{"):gsub("{([%a_][%w_]*)}", function(name)
    local value = req and req.params[name]
    if value == nil then
      loading.raise(("gate.accepted: the path of the task's routes has {%s}, and this request has not")
        :format(name))
    end
    return words.encoded(tostring(value))
  end))
end

---The reply to a request that has started a task: 202, and where to look for it.
---@param id string
---@return table reply
function task.accepted(id)
  local found = type(id) == "string" and by_name[id:match("^(.*)%-%x+$")]
  if not found then
    loading.raise(("gate.accepted takes the id that report:start() has returned, not %s")
      :format(words.show(id)))
  elseif not found.prefix then
    loading.raise(('the task "%s" has no routes: say report:routes(gate), or of a group'):format(found.name))
  end
  return reply.reply {
    status = 202, headers = { Location = filled(found.prefix) .. "/" .. id }, json = { id = id },
  }
end

---@class moongate.RunningTask
---@field id string
---@field attempt integer from 1: how often it was begun
local running = {}

-- What was not told yet: `parts` of the result, `size` of them together, `told` of the progress.
local untold = setmetatable({}, { __mode = "k" })

local function state_of(self)
  untold[self] = untold[self] or { parts = {}, size = 0, told = 0 }
  return untold[self]
end

local function flush(self)
  local state = state_of(self)
  if state.size > 0 then
    local text = table.concat(state.parts)
    state.parts, state.size = {}, 0
    ask("write", { id = self.id, text = text })
  end
end

---How far it has come, from 0 to 1; kept in steps of a hundredth.
---@param part number
function running:progress(part)
  if type(part) ~= "number" or not (part >= 0 and part <= 1) then
    loading.raise(("task:progress takes a number from 0 to 1, not %s"):format(words.show(part)))
  end
  local state = state_of(self)
  if math.abs(part - state.told) >= 0.01 or part == 1 then
    state.told = part
    ask("progress", { id = self.id, progress = part })
  end
end

---Adds to its result, which is kept on disk.
---@param text string
function running:write(text)
  if type(text) ~= "string" then
    loading.raise(("task:write takes a text, not %s"):format(words.show(text)))
  end
  local state = state_of(self)
  state.parts[#state.parts + 1], state.size = text, state.size + #text
  if state.size >= limits.task_piece then
    flush(self)
  end
end

chore.finish = flush

chore.running = {
  __index = function(_, key)
    if running[key] then
      return running[key]
    end
    loading.raise(("a running task has no %s%s"):format(tostring(key),
      words.hint(tostring(key), { "attempt", "id", "progress", "write" }, "parts")))
  end,
  __json = "a running task: its id is wanted",
  __metatable = false,
}

return task
