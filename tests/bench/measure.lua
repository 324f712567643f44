-- What is measured of a server: its processor time and latency under load, its memory while it
-- holds connections, and how soon it answers after its start.
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local process = require "support.process"
local servers = require "bench.servers"
local wait = require "support.wait"

local SIGUSR1 = 10
-- A load that takes so many seconds longer than it was told to was held up together with the whole
-- machine (a virtual one that is suspended): its figures say nothing, and it is made again.
local STOOD_STILL, TRIES = 2, 3
local measure = {}

---@param values number[]
function measure.median(values)
  local sorted = {}
  for i, value in ipairs(values) do
    sorted[i] = value
  end
  table.sort(sorted)
  local middle = (#sorted + 1) / 2
  return (sorted[math.floor(middle)] + sorted[math.ceil(middle)]) / 2
end

local function wrk(port, path, options)
  local command = { "/usr/bin/env", "wrk", "--timeout", "60s", "-s",
    places.checkout .. "/tests/bench/report.lua", "-t", tostring(options.threads or 1),
    "-c", tostring(options.clients), "-d", options.seconds .. "s",
    ("http://127.0.0.1:%d%s"):format(port, path) }
  if options.many then
    command[#command + 1] = "--"
    command[#command + 1] = options.many.path
    command[#command + 1] = tostring(options.many.count)
  end
  local code, out, err = process.run(command, { within = (options.seconds + 90) * 1e3 })
  local figures = {}
  for name, value in (out:match "figures ([^\n]*)" or ""):gmatch "(%w+)=(%d+)" do
    figures[name] = tonumber(value)
  end
  if code ~= 0 or not figures.requests then
    error("wrk: " .. out .. err, 0)
  end
  return figures
end

-- One load, and what the server used for it.
local function load_once(server, path, options)
  local before = server:cpu()
  local figures = wrk(server.port, path, options)
  local after = server:cpu()
  figures.cpu_us = after.us - before.us
  figures.user_ticks, figures.kernel_ticks = after.user - before.user, after.kernel - before.kernel
  return figures
end

---Loads a server for some seconds. options: clients, seconds, threads, many = { path =, count = }
---(the path with {i} from 1 to count, in turn). Times are in us a request, p50 and p99 in ms.
function measure.load(server, path, options)
  local figures
  for _ = 1, TRIES do
    figures = load_once(server, path, options)
    if figures.us < (options.seconds + STOOD_STILL) * 1e6 then
      break
    end
  end
  figures.failed = figures.failed + figures.timeouts
  figures.cpu = figures.cpu_us / math.max(figures.requests, 1)
  figures.rate = figures.requests / figures.us * 1e6
  figures.p50, figures.p99 = figures.p50 / 1e3, figures.p99 / 1e3
  return figures
end

---The figures of several rounds as one. The split into user and kernel is the kernel's by ticks, the
---sum of both is exact.
function measure.together(rounds)
  local all = { requests = 0, failed = 0, cpu_us = 0, user_ticks = 0, kernel_ticks = 0 }
  for name in pairs(all) do
    for _, round in ipairs(rounds) do
      all[name] = all[name] + round[name]
    end
  end
  for _, name in ipairs { "rate", "p50", "p99" } do
    local values = {}
    for i, round in ipairs(rounds) do
      values[i] = round[name]
    end
    all[name] = measure.median(values)
  end
  all.cpu = all.cpu_us / math.max(all.requests, 1)
  all.user = all.cpu * all.user_ticks / math.max(all.user_ticks + all.kernel_ticks, 1)
  all.kernel = all.cpu - all.user
  return all
end

local function hold(server, count, first, second)
  local command = { places.build .. "/bench/load", tostring(server.port), tostring(count), first,
    second }
  return process.start(command)
end

local function expect(load, word, what)
  if not load:expect(word, 60000) then
    load:kill()
    error(what .. ": " .. load:err(), 0)
  end
end

-- The most that its memory is within a second, in KiB.
local function most(server)
  local found, ends = 0, posix.now() + 1000
  repeat
    found = math.max(found, server:rss())
    wait.sleep(50)
  until posix.now() > ends
  return found
end

local function warm(server)
  for _ = 1, 20 do
    http.get(server.port, "/hello")
  end
end

---KiB for each of `count` connections that are open and idle, after a request each if `path` is
---given.
function measure.idle(server, count, path)
  warm(server)
  local fds, before = server:fds(), most(server)
  local load = hold(server, count, path or "-", "-")
  expect(load, "idle", "connections")
  local all = wait.till(function()
    return server:fds() >= fds + count
  end, 20000)
  local after = most(server)
  load:signal(posix.SIGTERM)
  load:wait()
  return all and (after - before) / count
    or error("it does not keep that many connections", 0)
end

---KiB for each of `count` requests to /hold, whose three calls wait for a backend, beyond what the
---idle connections take.
function measure.waiting(server, count)
  warm(server)
  local load = hold(server, count, "/hello", "/hold")
  expect(load, "idle", "connections")
  local before = most(server)
  load:signal(SIGUSR1)
  expect(load, "sent", "requests")
  local all = wait.till(function()
    return servers.waiting() >= 3 * count
  end, 20000)
  local calls, after = servers.waiting(), most(server)
  load:signal(posix.SIGTERM)
  load:wait()
  return all and (after - before) / count
    or error(("only %d of %d calls arrive"):format(calls, 3 * count), 0)
end

---KiB for each of `count` answers to `path` that nobody reads.
function measure.stalled(server, count, path)
  local load = hold(server, count, "-", path)
  expect(load, "idle", "connections")
  local before = most(server)
  load:signal(SIGUSR1)
  expect(load, "sent", "requests")
  local after = most(server)
  load:signal(posix.SIGTERM)
  load:wait()
  return (after - before) / count
end

---Milliseconds from the start of a server to the last byte of its first reply.
function measure.start(kind, options, path)
  local began = posix.now()
  local server = servers.start(kind, options, path)
  local ms = posix.now() - began
  server:stop()
  return ms
end

return measure
