-- What running functions do with calls. Everything that waits lets go of the worker in one place,
-- `wait_for`; C performs what was started and resumes.

local call    = require "moongate.call"
local core    = require "moongate.core"
local loading = require "moongate.loading"
local problem = require "moongate.problem"
local reply   = require "moongate.reply"
local request = require "moongate.request"
local result  = require "moongate.result"
local sandbox = require "moongate.sandbox"
local still   = require "moongate.still"
local units   = require "moongate.units"
local words   = require "moongate.words"

local run = {}

local yield = coroutine.yield

-- Waits until all of `ids` have landed or one that is required failed ("all"), or until one more
-- has ("any"), for at most `ms` (nil: as long as the request has). Without ids the time is waited
-- out. "started": until all of the calls of core.all_start have.
local function wait_for(mode, ids, ms)
  still.check()
  yield(mode, ids, ms)
end

local function raise_owed(at, detail)
  problem.raise(400, ("the request is not what this route takes: %s %s"):format(at, detail))
end

-- Starts a call; what cannot be sent is raised at the author's line, and what the client should have
-- sent is a 400, as in a plan. A request that makes too many does not go on: no pcall sees that.
local function begin(one, name)
  still.check()
  local ok, id, at, detail = pcall(core.start, one, name)
  if not ok then
    loading.raise(id)
  elseif at then
    raise_owed(at, detail)
  end
  return id or yield("over")
end

local function duration(text, what, level)
  local ms, wrong = units.duration(text)
  if not ms then
    error(("%s: %s"):format(what, wrong), level + 1)
  end
  return ms
end

-- A failed call as the problem that ends its request. What its client is not told is logged.
local function raise(failed, verdict, told)
  local kind, message = failed.error.kind, failed.error.message
  local status = verdict == "relay" and failed.status or core.status(kind)
  local said = "the call %s failed: %s"
  problem.raise(status, said:format(failed.name, told), {
    calls = { { name = failed.name, kind = kind, status = failed.status } },
    log = told ~= message and kind ~= "status" and said:format(failed.name, message) or nil,
  })
end

-- The result of a landed call; raises when it was required and failed.
local function collect(id)
  local one, verdict, told = core.result(id)
  if verdict then
    raise(one, verdict, told)
  end
  return one
end

---@class moongate.Future
local future = {}

local future_metatable = {
  __index = function(_, key)
    return future[key]
      or error(("a future has no %s: its result has, say :wait()"):format(words.show(key)), 2)
  end,
  __json = "a future: say :wait()",
  __metatable = false,
}

---The result; a failure that is not optional is raised. With `within`, nil when it did not land
---in that time (it goes on).
---@param within string? such as "50ms"
---@return moongate.Result?
function future:wait(within)
  local ms = within and duration(within, "wait", 2)
  if not core.landed(self.id) then
    wait_for("all", { self.id }, ms)
    if not core.landed(self.id) then
      return nil
    end
  end
  return collect(self.id)
end

---@return boolean landed
function future:done()
  return core.landed(self.id)
end

---Its answer is no longer wanted.
function future:cancel()
  core.cancel(self.id)
end

local is_call = call.is

local function check_call(one, verb)
  if not is_call(one) then
    error(("say call:%s(), with a colon"):format(verb), 3)
  end
end

---@param one moongate.Call
---@param name string? in problems; the backend's name unless given
---@return moongate.Future
function run.start(one, name)
  check_call(one, "start")
  return setmetatable({ id = begin(one, name) }, future_metatable)
end

---@param one moongate.Call
---@return moongate.Result
function run.wait(one, ...)
  check_call(one, "wait")
  if select("#", ...) > 0 then
    error('call:wait() takes nothing: put within = "50ms" into the options of the call', 2)
  end
  local id = begin(one)
  wait_for("all", { id })
  return collect(id)
end

-- Has `start` (core.start_all or all_start) start all calls of a table; raises what is wrong with it
-- as `name`'s.
local function start_each(start, calls, name)
  if type(calls) ~= "table" then
    error(("%s takes a table of calls, not %s"):format(name, words.show(calls)), 3)
  end
  still.check()
  local ok, list, ids, detail = pcall(start, calls)
  if not ok then
    loading.raise(list)
  elseif detail then
    raise_owed(ids, detail)
  elseif not list then
    if ids == nil then
      yield("over")
    elseif is_call(calls) then -- whose fields are no calls
      error(("%s takes a table of calls, not %s"):format(name, words.show(calls)), 3)
    end
    error(("%s: %s is not a call: write users:get(...)"):format(name, words.show(ids)), 3)
  end
  return list, ids
end

---All at once; results under the same keys. The first required failure cancels the rest and is
---raised.
---@param calls table<any, moongate.Call|moongate.Future>
---@return table<any, moongate.Result>
function run.all(calls)
  local list, count = start_each(core.all_start, calls, "gate.all")
  if count > 0 then
    wait_for "started"
  end
  local results, failed = core.all_finish(list)
  if failed then
    raise(core.result(failed))
  end
  return results
end

-- The result of a call that was started, when it has landed; nil: the request may make no more.
function run.outcome(id)
  if id == nil then
    yield("over")
  end
  wait_for("all", { id })
  return collect(id)
end

-- What `many` builds on.
run.begin, run.start_each, run.wait_for, run.raise = begin, start_each, wait_for, raise

---@param text string such as "10ms"
function run.sleep(text)
  wait_for("all", {}, math.max(duration(text, "gate.sleep", 2), 1))
end

---@return number ms left of the request's time
function run.left()
  return core.left()
end

local INTERNAL = "an error in the route's script"

-- What else there is to say of an error's message, which begins with the author's place if any.
local function annotate(message)
  message = sandbox.explain(result.explain(message))
  if message:find("attempt to yield across C-call boundary", 1, true) then
    message = message .. ": calls cannot be waited for inside string.gsub, table.sort or require"
  end
  return message
end

local MESSAGE_MOST = 2048 -- bytes; messages are searched with patterns, and may quote a client

-- Without secrets before it is cut: nobody knows the start of one.
local function cut(text)
  return loading.redact(text):sub(1, MESSAGE_MOST)
end

-- Something that was raised as a line of text.
local function text_of(raised)
  local kind = type(raised)
  if kind == "table" then
    local text = rawget(raised, "message") or rawget(raised, "detail")
    return type(text) == "string" and cut(text) or "an error that is a table"
  elseif kind == "string" or kind == "number" then
    return cut(tostring(raised))
  end
  return ("an error that is %s"):format(kind == "nil" and "nil" or "a " .. kind)
end

-- An error as a line for the log, where, what, and how the author's code came there; and the last by
-- itself.
local function describe(raised)
  local message = text_of(raised):gsub("^moongate[%w_.]*:%d+: ", "")
  local trace = loading.trace()
  if not loading.texts[message:match("^(.-):%d+: ")] then
    message = problem.place() .. message
  end
  message = annotate(message)
  return trace == "" and message or ("%s (at %s)"):format(message, trace), trace
end

-- Turns what a function raised into a problem, or into an error for the log.
local function explain(raised)
  if problem.is(raised) then
    return raised
  end
  local log, trace = describe(raised)
  return { log = log, trace = trace }
end

local function internal(log, trace)
  return false, {}, 500, "", INTERNAL, "", "", log, trace or ""
end

-- The parts of a problem as C takes them; raises when a script has changed them into nonsense.
local function parts(raised)
  local status, title, detail = raised.status, raised.title, raised.detail or ""
  assert(type(status) == "number" and status >= 300 and status <= 599 and status % 1 == 0, "status")
  assert(type(title) == "string" and type(detail) == "string", "title or detail")
  local calls = raised.calls and core.encode(core.list(raised.calls)) or ""
  local members = raised.members and next(raised.members) ~= nil and core.encode(raised.members) or ""
  return status, title, loading.redact(detail), calls, members, (reply.headers(raised.headers))
end

local function failure(raised, fn)
  if not problem.is(raised) then
    if type(raised) == "table" and raised.log then
      return internal(raised.log, raised.trace)
    end
    local file, line = loading.place_of(fn) -- `explain` itself had no stack left
    return internal(("%s:%d: %s"):format(file, line, text_of(raised)))
  end
  local ok, status, title, detail, calls, members, headers = pcall(parts, raised)
  if not ok then
    return internal("the problem that was raised cannot be sent: " .. text_of(status))
  end
  local place = type(raised.file) == "string" and raised.file .. ":" .. (tonumber(raised.line) or 0)
  return false, headers, status, title, detail, calls, members, raised.log or "", place or ""
end

-- Stays on the stack while the author's function and what becomes of its value are under way.
local function answer(fn, req, got)
  local value = fn(req, got)
  if core.take(value) then
    return true
  end
  local status, headers, body = reply.of(value)
  return status, headers, body
end
loading.roots[answer] = true

local ASKED = "when cannot make calls or wait: plan a call for what it needs, and name that in needs"

-- The same for one that is asked whether a call is made. What it does not wait for it cannot see: it
-- would depend on who was faster.
local function ask(fn, req, got, unseen)
  setmetatable(got, { __index = function(_, name)
    if unseen[name] then
      loading.raise(("got.%s: this call does not wait for %s: name it in needs"):format(name, name))
    end
  end })
  local value = fn(req, got)
  return true, value and true or false
end
loading.roots[ask] = true

local function decide(fn, req, got, unseen)
  local before = still.set(ASKED)
  local ok, said, yes = xpcall(ask, explain, fn, req, got, unseen)
  still.set(before)
  if ok then
    return said, yes
  end
  return failure(said, fn)
end

---What C calls: runs one of the gateway's functions and says how it ended. Returns true when the
---reply has been taken; or status, flat headers and body; or false, flat headers, status, title,
---detail, calls, members, a log text, and where: "file:line in name, file:line", innermost first.
---Of `when` true, and whether the call is made.
function run.main()
  local fn, req, got, unseen = core.begin()
  if unseen then
    return decide(fn, req, got, unseen)
  end
  local ok, status, headers, body = xpcall(answer, explain, fn, req, got)
  if ok then
    return status, headers, body
  end
  return failure(status, fn)
end

---What C calls when a run was ended in the midst of what it did: nothing is under way any more.
function run.ended()
  sandbox.ended()
  still.set(nil)
end

-- For the functions around routes.
run.explain, run.failure = explain, failure

-- What C takes from here when the state is made.
run.functions = loading.functions
run.request_type, run.result_type, run.reply_type = request.metatable, result.metatable, reply.metatable
run.call_type, run.future_type = call.metatable, future_metatable

return run
