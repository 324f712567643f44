-- Every limit, in one place: its unit, default, least, most, and what it bounds. gateway.lua sets
-- them as `limits = { body = "4MiB" }`; C gets all of them, resolved, in ms, bytes or counts.

local units = require "moongate.units"

local limits = {}

local KiB, MiB, GiB = 1024, 1024 ^ 2, 1024 ^ 3
local SECOND, MINUTE, HOUR, DAY = 1000, 60000, 3600000, 86400000

---@class moongate.Limit
---@field name string
---@field unit "count"|"duration"|"size"
---@field default integer ms, bytes or a count
---@field min integer
---@field max integer
---@field what string one line for people
---@field auto boolean? `"auto"` may be written; C sees 0

local function limit(unit)
  return function(name, default, min, max, what, auto)
    return {
      name = name, unit = unit, default = default, min = min, max = max, what = what, auto = auto,
    }
  end
end

local count, duration, size = limit "count", limit "duration", limit "size"

---@type moongate.Limit[]
limits.all = {
  -- What a client may send.
  size("body", 1 * MiB, 1, 1 * GiB, "a request's body"),
  size("header", 16 * KiB, 1 * KiB, 1 * MiB, "a request's header block, request line included"),
  count("headers", 100, 8, 10000, "header fields of a request"),
  size("target", 8 * KiB, 64, 1 * MiB, "a request's target: path and query"),
  size("trailer", 16 * KiB, 0, 1 * MiB, "the trailer fields after a chunked body"),
  size("extensions", 1 * KiB, 0, 1 * MiB, "chunk extensions of one request"),
  count("fields", 1000, 1, 100000, "fields of a query or form, keys of an object in a request's JSON"),
  count("match", 200000, 1000, 1000000000, "steps that the patterns of a request's input may take together"),
  size("match_text", 8 * KiB, 1, 1 * MiB, "a text that a pattern of input looks at"),
  size("match_memory", 1 * MiB, 64 * KiB, 64 * MiB, "what a pattern of input may use while it looks"),
  -- Connections of clients.
  count("connections", 0, 1, 1000000, "connections of clients; auto: from the open-file limit", true),
  count("at_once", 10000, 1, 1000000, "requests in work at once"),
  duration("queue_delay", 100, 10, HOUR, "the wait for a busy worker; if it lasts, new requests get 503"),
  count("requests", 10000, 1, 1000000000, "requests on one connection before it is closed"),
  size("pipelined", 64 * KiB, 1 * KiB, 16 * MiB, "bytes read ahead while a request is in work"),
  -- Time for clients.
  duration("header_within", 10 * SECOND, 10, HOUR, "from a request's first byte to its last header"),
  duration("body_idle", 10 * SECOND, 10, HOUR, "between two pieces of a request's body"),
  count("body_rate", 500, 0, 1000000000, "bytes a second that a request's body must make"),
  duration("idle", 60 * SECOND, 10, DAY, "an idle connection, before it is closed"),
  duration("write_idle", 10 * SECOND, 10, HOUR, "a client that takes nothing of its reply"),
  duration("linger", 2 * SECOND, 0, MINUTE, "reading on after a refused request, so that it sees why"),
  duration("drain", 30 * SECOND, 0, HOUR, "requests in work when the gateway is told to stop"),
  -- Requests and their calls.
  duration("within", 10 * SECOND, 1, DAY, "a whole request, unless its route says otherwise"),
  duration("pass_idle", 30 * SECOND, 10, DAY, "a passed answer without progress, unless its route says else"),
  duration("connect", 1 * SECOND, 1, MINUTE, "connecting to a service, unless it says otherwise"),
  count("calls", 1000, 1, 100000, "calls that one request's functions make"),
  count("each", 1000, 1, 100000, "elements of a list that gate.each goes through"),
  duration("script", 200, 10, HOUR, "CPU time of one request's functions"),
  duration("slice", 50, 10, HOUR, "CPU time of a function between two waits, before the log says so"),
  size("memory", 16 * MiB, 64 * KiB, 4 * GiB, "what a function adds to its state between two waits"),
  size("state", 256 * MiB, 4 * MiB, 64 * GiB, "what a worker's Lua state holds, before it is replaced"),
  size("text", 8 * MiB, 4 * KiB, 1 * GiB, "a text that one call of a function builds"),
  duration("load", 5 * SECOND, 10, HOUR, "CPU time of loading the route files"),
  duration("stuck", 1 * SECOND, 100, HOUR, "a worker at one thing, before others take its connections"),
  duration("hung", 2 * SECOND, 100, HOUR, "a worker without a sign of life, before its process is replaced"),
  duration("unheard", 30 * SECOND, 10, HOUR, "a call that changes things, after its request ended"),
  duration("finally", 30 * SECOND, 10, HOUR, "a function of gate.finally, after its request ended"),
  duration("every", 60 * SECOND, 10, DAY, "a run of gate.every, unless it says otherwise"),
  size("result", 8 * MiB, 1, 1 * GiB, "the body of one call's result"),
  size("results", 16 * MiB, 1, 4 * GiB, "the bodies of all results of one request"),
  count("service_at_once", 1024, 1, 100000, "calls in flight to one service, unless it says otherwise"),
  count("service_waiting", 4096, 0, 1000000, "calls waiting for one service, unless it says otherwise"),
  count("names_at_once", 8, 1, 64, "look-ups of host names at once"),
  count("redis_at_once", 8192, 1, 1000000, "calls in flight to one Redis, unless it says otherwise"),
  duration("redis_silence", 5 * SECOND, 10, HOUR, "a Redis that sends nothing while it owes a reply"),
  size("redis_reply", 64 * MiB, 64 * KiB, 1 * GiB, "one value that Redis sends; beyond, the connection ends"),
  -- Pools of threads.
  count("file_threads", 4, 1, 256, "threads that read files"),
  count("file_jobs", 4096, 1, 1000000, "file calls waiting for a thread"),
  count("sqlite_readers", 4, 1, 64, "threads that read one SQLite database, unless it says otherwise"),
  count("sqlite_jobs", 4096, 1, 1000000, "calls waiting for a thread of one SQLite database"),
  count("compute_threads", 0, 1, 64, "threads of gate.compute, at most processors minus one", true),
  count("compute_jobs", 256, 1, 1000000, "calls of gate.compute waiting for a thread"),
  -- Data that workers share.
  count("tasks_at_once", 64, 1, 100000, "tasks that run at once"),
  count("tasks_waiting", 100000, 1, 10000000, "tasks that wait to be run; beyond: 503"),
  size("tasks_file", 1 * GiB, 1 * MiB, 1024 * GiB, "the file that keeps tasks and results; beyond: 503"),
  size("task_result", 8 * MiB, 1, 1 * GiB, "what one task writes"),
  size("shared", 64 * MiB, 1 * MiB, 64 * GiB, "what gate.shared holds, all names together"),
  -- PostgreSQL.
  count("postgres_at_once", 16, 1, 10000, "connections to one database, unless it says otherwise"),
  count("postgres_waiting", 4096, 0, 1000000, "calls waiting for them, unless it says otherwise"),
}

---@type table<string, moongate.Limit>
limits.by_name = {}
for _, one in ipairs(limits.all) do
  limits.by_name[one.name] = one
end

-- Those that a route may set for itself: they bound one request, and nothing that requests share.
limits.of_routes = {
  "body", "calls", "each", "fields", "match", "match_text", "memory", "result", "results", "script",
}

-- The most that a route with `pass` may set for a body: it is never in memory as a whole.
limits.passed_body = 1024 * GiB

-- The calls of one gate.each or gate.map that are in flight at once, unless it says otherwise.
limits.each_at_once = 8

-- What a task has unless it says otherwise: time for a run, time to live after its end (both in ms),
-- how often it is begun; and the most of each.
limits.task = { within = 10 * MINUTE, keep = HOUR, tries = 1 }
limits.task_most = { within = DAY, keep = 365 * DAY, tries = 1000 }
limits.task_args = 1 * MiB -- as JSON
limits.task_piece = 64 * KiB -- of a result, that is written in one go

-- What gate.every takes, in ms.
limits.every_least, limits.every_most = 100, 7 * DAY

-- The functions that one request may leave to gate.finally.
limits.finals = 64

-- The longest text that gate.crypto works through: it does so in one go, about 1 ms per MiB.
limits.crypto_text = 16 * MiB

-- The longest format of os.date, and what one print writes to the log at most (a line of which is
-- shorter).
limits.date_format = 1 * KiB
limits.printed = 16 * KiB

---A limit's value as gateway.lua would write it.
---@param one moongate.Limit
---@param value integer
---@return string
function limits.write(one, value)
  if one.auto and value == 0 then
    return "auto"
  elseif one.unit == "duration" then
    return units.write_duration(value)
  elseif one.unit == "size" then
    return units.write_size(value)
  end
  return ("%d"):format(value)
end

---All limits, each with its default unless `set` has another value.
---@param set table<string, integer>?
---@return table<string, integer>
function limits.resolve(set)
  local resolved = {}
  for _, one in ipairs(limits.all) do
    resolved[one.name] = set and set[one.name] or one.default
  end
  return resolved
end

return limits
