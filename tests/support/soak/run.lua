-- One soak: the servers, the clients and the faults, for a time, and what came of it.
--   local result = run.go { minutes = 2, seed = 7 }
-- options: minutes (or seconds), seed, postgres (false: without), faults (a function in place of the usual
-- ones; it is given the run), fault_pause (ms; each pause is between that and twice it), share (of what
-- the machine can do at most), warm and calm (ms that it begins with, and that it waits for rest),
-- progress (a function that is told a line now and then).
local asks = require "support.soak.asks"
local clients = require "support.soak.clients"
local faults = require "support.soak.faults"
local gauge = require "support.soak.gauge"
local http = require "support.http"
local ledger = require "support.soak.ledger"
local posix = require "support.posix"
local random = require "support.soak.random"
local servers = require "support.soak.servers"
local wait = require "support.wait"

local run = {}

local function picker(with_postgres)
  local list, by_name = {}, {}
  for _, ask in ipairs(asks) do
    if not ask.needs or with_postgres then
      by_name[ask.name] = ask
      for _ = 1, ask.weight do
        list[#list + 1] = ask
      end
    end
  end
  return function(next) return list[next(#list)] end, by_name
end

-- Requests begin at an even rate, whoever makes them; whoever is late does not make up for it.
local function pacer(self)
  local due = posix.now()
  return function()
    if self.rate then
      due = math.max(due + 1000 / self.rate, posix.now() - 50)
      local ms = due - posix.now()
      if ms > 0 then
        wait.sleep(ms)
      end
    end
  end
end

local function crowd(self, tasks)
  local number = 0
  for _, one in ipairs(clients.crowd) do
    for _ = 1, one[2] do
      number = number + 1
      local draw = random.new(self.seed * 1000 + number)
      tasks[#tasks + 1] = function() one[1](self, draw) end
    end
  end
  return tasks
end

local function stop_after(self, ms)
  return function()
    local till = posix.now() + ms
    while posix.now() < till and not self.over do
      wait.sleep(math.min(100, till - posix.now()))
    end
    self.over = true
  end
end

-- As fast as they can for a moment: how many requests a second that is.
local function warm_up(self, ms)
  self.over, self.rate = false, nil
  local before, began = self.ledger.requests, posix.now()
  local fault = self.ledger:fault("all that the machine can do is asked for", { explains = faults.slow_machine })
  wait.at_once(crowd(self, { stop_after(self, ms) }))
  fault.over()
  return (self.ledger.requests - before) / (posix.now() - began) * 1000
end

-- Writes into the fault log when the gateway or what is behind it had to wait for a processor, anything for
-- a disk, or this program was not woken in time.
local SLOW = 40

local function watch_machine(self)
  local paths, looked, last = {}, 0, {}
  local slow
  while not self.over do
    local time = posix.now()
    if time - looked > 5000 then
      paths, looked = {}, time
      for _, pid in ipairs { self.servers:server() or 0, self.servers.users.process.pid, self.servers.orders.process.pid } do
        for _, path in ipairs(gauge.tasks(pid)) do
          paths[#paths + 1] = path
        end
      end
    end
    local from = posix.now()
    wait.sleep(50)
    local longest, disks = posix.now() - from - 50, gauge.disks()
    longest = math.max(longest, disks and last.disks and disks - last.disks or 0)
    last.disks = disks
    for _, path in ipairs(paths) do
      local waited = gauge.waited(path)
      longest = math.max(longest, waited and last[path] and waited - last[path] or 0)
      last[path] = waited
    end
    if longest > SLOW then
      self.slow_count, self.slow_most = self.slow_count + 1, math.max(self.slow_most, longest)
      if not slow then
        slow = self.ledger:fault("the machine has other things to do", { explains = faults.slow_machine, after = 300 })
        slow.from, slow.machine = from - 100, true
      end
    elseif slow then
      slow.over()
      slow = nil
    end
  end
end

local function say_progress(self, began)
  local losses = self.ledger.losses - #self.ledger.waiting
  local fault = self.ledger.faults[#self.ledger.faults]
  self.progress(("%6.0f s  %8d requests, %d lost, %d of them unexplained, %d wrong ids; %d MiB; last fault: %s"):format(
    (posix.now() - began) / 1000, self.ledger.requests, losses, #self.ledger.unexplained, self.ledger.wrong,
    (gauge.rss(self.servers:server()) or 0) / 1024, fault and fault.name or "none"))
end

-- Whoever is told of the progress is told of them at once.
local function say_unexplained(self)
  if self.tells then
    for _, text in ipairs(self.ledger.shown) do
      self.progress(text)
      self.ledger.told = self.ledger.told + 1
    end
    self.ledger.shown = {}
  end
end

-- Looks at the process now and then, and holds losses against faults.
local function keep_books(self)
  local began, said, sampled = posix.now(), posix.now(), 0
  while not self.over do
    wait.sleep(500)
    local time = posix.now()
    self.ledger:take_log(self.servers:log_lines())
    self.ledger:settle(5000)
    say_unexplained(self)
    if time - sampled >= 5000 then
      sampled = time
      local pid = self.servers:server()
      self.samples[#self.samples + 1] = { time, gauge.rss(pid), pid }
    end
    if time - said >= 10000 then
      said = time
      say_progress(self, began)
    end
  end
end

-- What the gateway itself has counted, when nothing is in work.
local function final_counts(self)
  local counts
  wait.till(function()
    local reply = http.get(self.port(), "/counts")
    counts = reply:json()
    return counts.begun == counts.ended
  end, 5000)
  return counts
end

local function finish(self)
  self.ledger:take_log(self.servers:log_lines())
  self.ledger:settle()
  self.counts = final_counts(self)
  self.rests[2] = self.servers:rest(self.calm, self.rests[1])
  self.ledger:take_log(self.servers:log_lines())
end

local function make(options)
  local self = {
    seed = options.seed or 1, ledger = ledger.new(), samples = {}, rests = {}, slow_count = 0, slow_most = 0,
    state = { epoch = 0, counted = 0, numbers = {} }, fault_pause = options.fault_pause or 3000,
    progress = options.progress or function() end, tells = options.progress, servers = servers.start(options), ids = 0,
    calm = options.calm or 700,
  }
  self.port = function() return self.servers.port end
  self.new_id = function()
    self.ids = self.ids + 1
    return ("q%dx%dq"):format(self.seed % 100000, self.ids)
  end
  self.pick, self.by_name = picker(self.servers.crm)
  self.pace = pacer(self)
  return self
end

local function go(self, options)
  local capacity = warm_up(self, options.warm or 4000)
  self.rate = math.max(20, capacity * (options.share or 0.5))
  self.progress(("seed %d; %.0f requests a second are possible, %.0f are made"):format(self.seed, capacity, self.rate))
  self.rests[1] = self.servers:rest(self.calm)
  self.over = false
  local ms = (options.seconds or options.minutes * 60) * 1000
  self.settled = posix.now() + ms / 3
  local disturb = options.faults or function() faults.go_on(self, self.seed) end
  wait.at_once(crowd(self, {
    stop_after(self, ms), function() keep_books(self) end, function() watch_machine(self) end,
    function() disturb(self) end,
  }))
  finish(self)
end

-- Raises what went wrong with the soak itself; what went wrong in it is in the result: ledger, samples,
-- rests (before and after), counts, stopped (the gateway ended as it should) and why not, seed.
function run.go(options)
  local self = make(options)
  local ok, why = xpcall(function() go(self, options) end, function(problem)
    return debug.traceback(tostring(problem), 2)
  end)
  self.stopped, self.why_not = self.servers:stop()
  if not ok then
    error(why, 0)
  end
  return self
end

return run
