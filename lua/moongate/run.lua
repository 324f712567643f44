-- What running functions do with calls. Everything that waits lets go of the worker in one place,
-- `wait_for`; C performs what was started and resumes.

local core    = require "moongate.core"
local loading = require "moongate.loading"
local problem = require "moongate.problem"
local reply   = require "moongate.reply"
local request = require "moongate.request"
local result  = require "moongate.result"
local units   = require "moongate.units"
local words   = require "moongate.words"

local run = {}

local yield = coroutine.yield

-- Waits until all of `ids` have landed or one that is required failed ("all"), or until one more
-- has ("any"), for at most `ms` (0: as long as the request has).
local function wait_for(mode, ids, ms)
  yield(mode, ids, ms or 0)
end

local function duration(text, what, level)
  local ms, wrong = units.duration(text)
  if not ms then
    error(("%s: %s"):format(what, wrong), level + 1)
  end
  return ms
end

-- A failed call as the problem that ends its request.
local function raise(failed, verdict)
  local kind = failed.error.kind
  local status = verdict == "relay" and failed.status or core.status(kind)
  local one = { name = failed.name, kind = kind, status = failed.status }
  problem.raise(status, ("the call %s failed: %s"):format(failed.name, failed.error.message), { calls = { one } })
end

-- The result of a landed call; raises when it was required and failed.
local function collect(id)
  local raw, verdict = core.result(id)
  local one = result.wrap(raw)
  if verdict == "failed" or verdict == "relay" then
    raise(one, verdict)
  end
  return one
end

---@class moongate.Future
local future = {}

local future_metatable = { __index = future, __metatable = false }

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

local function is_future(one)
  return type(one) == "table" and debug.getmetatable(one) == future_metatable
end

---@param call moongate.Call
---@param name string? in problems; the backend's name unless given
---@return moongate.Future
function run.start(call, name)
  return setmetatable({ id = core.start(call, name) }, future_metatable)
end

---@param call moongate.Call
---@return moongate.Result
function run.wait(call)
  local id = core.start(call)
  wait_for("all", { id })
  return collect(id)
end

-- The keys of a table of calls, in an order that does not depend on the state.
local function sorted_keys(calls)
  local keys = {}
  for key in pairs(calls) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    if type(a) == type(b) then
      return a < b
    end
    return type(a) == "number"
  end)
  return keys
end

---All at once; results under the same keys. The first required failure cancels the rest and is
---raised.
---@param calls table<any, moongate.Call|moongate.Future>
---@return table<any, moongate.Result>
function run.all(calls)
  local is_call = require("moongate.call").is
  if type(calls) ~= "table" or is_call(calls) then
    error(("gate.all takes a table of calls, not %s"):format(words.show(calls)), 2)
  end
  local keys, ids = sorted_keys(calls), {}
  for i, key in ipairs(keys) do
    local one = calls[key]
    if not is_future(one) and not is_call(one) then
      error(("gate.all: %s is not a call: write users:get(...)"):format(words.show(key)), 2)
    end
  end
  for i, key in ipairs(keys) do
    local one = calls[key]
    ids[i] = is_future(one) and one.id or core.start(one, tostring(key))
  end
  if #ids > 0 then
    wait_for("all", ids)
  end
  local results = {}
  local failed, how
  for i, key in ipairs(keys) do
    if core.landed(ids[i]) then
      local raw, verdict = core.result(ids[i])
      results[key] = result.wrap(raw)
      if not failed and (verdict == "failed" or verdict == "relay") then
        failed, how = results[key], verdict
      end
    end
  end
  if failed then
    for _, id in ipairs(ids) do
      core.cancel(id)
    end
    raise(failed, how)
  end
  return results
end

---@param text string such as "10ms"
function run.sleep(text)
  local ms = duration(text, "gate.sleep", 2)
  local id = core.start({ kind = "value", delay = ms, optional = true }, "sleep")
  wait_for("all", { id })
end

---@return number ms left of the request's time
function run.left()
  return core.left()
end

-- Turns what a function raised into a problem, or into an error for the log.
local function explain(raised)
  if problem.is(raised) then
    return raised
  end
  local text = type(raised) == "string" and result.explain(raised) or tostring(raised)
  if type(raised) == "table" then
    text = tostring(rawget(raised, "message") or rawget(raised, "detail") or raised)
  end
  return { log = text, trace = debug.traceback("", 2) }
end

local function encoded(value)
  return value and next(value) ~= nil and core.encode(value) or ""
end

local function failure(raised)
  if raised.log then
    return false, {}, 500, "", "an error in the route's script", "", "", raised.log .. raised.trace
  end
  local ok, headers = pcall(reply.headers, raised.headers)
  return false, ok and headers or {}, raised.status, raised.title, raised.detail or "",
    raised.calls and core.encode(core.list(raised.calls)) or "", encoded(raised.members), ""
end

local function answer(fn, req, got)
  return reply.of(fn(req, got))
end

---What C calls: runs one of the gateway's functions and says how it ended. Returns status, flat
---headers and body; or false, flat headers, status, title, detail, calls, members and a log text.
---@param index integer of the function in boot.functions
---@param handle userdata the request's
---@param got table<string, table>? raw results by name
function run.main(index, handle, got)
  if got then
    for _, one in pairs(got) do
      result.wrap(one)
    end
  end
  local ok, status, headers, body =
    xpcall(answer, explain, loading.functions[index], request.wrap(handle), got)
  if ok then
    return status, headers, body
  end
  return failure(status)
end

return run
