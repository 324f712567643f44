-- Runs workloads: checks every participant's reply once, warms it up, and measures all in turns.
local goals = require "bench.goals"
local http = require "support.http"
local measure = require "bench.measure"
local output = require "bench.table"
local places = require "support.places"
local posix = require "support.posix"
local process = require "support.process"
local servers = require "bench.servers"

local REQUESTS, ROUNDS, SECONDS_MOST = 50000, 5, 30
local running = {} -- servers under load, by kind and options: one serves many workloads
local missing = {} -- participants left out, each said once

local function equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, value in pairs(a) do
    if not equal(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

local function label_of(participant)
  return participant.label or participant.kind
end

-- The options of a server with what they stand for: folders that are made, and the one that passes.
local function resolve(given)
  local resolved = {}
  for name, value in pairs(given or {}) do
    resolved[name] = value
  end
  if resolved.make then
    resolved.folder = posix.folder()
    resolved.make(resolved.folder)
  elseif resolved.pass then
    resolved.folder = places.checkout .. "/tests/bench/pass"
  end
  return resolved
end

local function key_of(participant)
  local given = participant.options or {}
  return ("%s %s %s %s"):format(participant.kind, given.workers or 1, tostring(given.make),
    tostring(given.pass))
end

local function server_of(participant)
  local key = key_of(participant)
  if not running[key] then
    running[key] = servers.start(participant.kind, resolve(participant.options), participant.path)
  end
  return running[key]
end

local function blob(path)
  local file = assert(io.open(servers.scratch .. path, "rb"))
  local bytes = file:read "*a"
  file:close()
  return bytes
end

-- Raises unless the reply is what every participant has to answer.
local function check(workload, participant, server)
  local reply = http.get(server.port, participant.path)
  local right = reply.status == 200 and not reply.cut
  if right and workload.blob then
    right = reply.body == blob(participant.path)
  elseif right and workload.expect then
    right = equal(reply:json(), workload.expect)
  end
  if not right then
    error(("%s: %s answers %d: %s"):format(workload.name, label_of(participant), reply.status,
      reply.body:sub(1, 300)), 0)
  end
end

-- Those that take part: installed, and asked for.
local function participants(workload, given)
  local list = {}
  for i, participant in ipairs(workload.who) do
    local wanted = i == 1 or not given.against or given.against[participant.kind]
      or participant.kind == "moongate"
    participant.path = participant.path or workload.who[1].path
    if wanted and servers.has(participant.kind) then
      list[#list + 1] = participant
    elseif wanted and not missing[participant.kind] then
      missing[participant.kind] = true
      output.note(participant.kind, "is not installed and takes no part")
    end
  end
  return list
end

local function progress(workload, participant, text)
  output.progress(("%s: %s, %s"):format(workload.name, label_of(participant), text))
end

local function load_options(workload, participant, seconds)
  return { clients = workload.clients, threads = workload.threads, seconds = seconds,
    many = participant.many }
end

-- Seconds of one round in which this participant does its share of the requests.
local function share(workload, participant, rounds)
  if workload.seconds then
    return workload.seconds
  end
  progress(workload, participant, "warming up")
  local figures = measure.load(server_of(participant), participant.path,
    load_options(workload, participant, 1))
  local seconds = math.ceil(1.15 * REQUESTS / rounds / math.max(figures.rate, 1))
  return math.min(math.max(seconds, 1), SECONDS_MOST)
end

-- A round in the order given, the next one in the opposite order: A B, B A.
local function in_turns(list, rounds, measure_one)
  local found = {}
  for i = 1, #list do
    found[i] = {}
  end
  for round = 1, rounds do
    local from, to, step = 1, #list, 1
    if round % 2 == 0 then
      from, to, step = #list, 1, -1
    end
    for i = from, to, step do
      found[i][round] = measure_one(list[i], round)
    end
  end
  return found
end

local function median_ratio(mine, theirs, name)
  local ratios = {}
  for i, round in ipairs(mine) do
    local a = name and round[name] or round
    local b = name and theirs[i][name] or theirs[i]
    ratios[i] = a / b
  end
  return measure.median(ratios)
end

local function run_load(workload, list, given)
  local rounds = given.rounds or (given.quick and 1) or workload.rounds or ROUNDS
  local seconds = {}
  for _, participant in ipairs(list) do
    check(workload, participant, server_of(participant))
    seconds[participant] = given.quick and 1 or share(workload, participant, rounds)
  end
  local found = in_turns(list, rounds, function(participant, round)
    progress(workload, participant, ("round %d of %d"):format(round, rounds))
    return measure.load(server_of(participant), participant.path,
      load_options(workload, participant, seconds[participant]))
  end)
  local result = { against = {} }
  for i, participant in ipairs(list) do
    local figures, x = measure.together(found[i]), nil
    figures.rounds = found[i]
    if i == 1 then
      result.first = figures
    else
      x = {}
      for _, name in ipairs { "cpu", "rate", "p50", "p99" } do
        x[name] = median_ratio(found[1], found[i], name)
      end
      result.against[label_of(participant)] = { figures = figures, x = x }
    end
    result.failed = result.failed or (participant.kind == "moongate" and figures.failed > 0)
    output.load(label_of(participant), figures, x)
  end
  return result
end

local one = {}

function one.start(_, participant)
  return measure.start(participant.kind, resolve(participant.options), participant.path)
end

local function on_fresh(f)
  return function(workload, participant, count)
    local server = servers.start(participant.kind, resolve(participant.options),
      participant.options and participant.path or "/hello")
    local ok, value = pcall(f, server, count, participant.path)
    server:stop()
    return ok and value or error(value, 0)
  end
end

one.idle, one.waiting, one.stalled = on_fresh(measure.idle), on_fresh(measure.waiting),
  on_fresh(measure.stalled)

-- How many things a figure is measured with.
local function count_of(workload, given)
  return workload.count and (given.quick and workload.count / 10 or workload.count)
end

local function run_figure(workload, list, given)
  local rounds = workload.rounds or 1
  local count = count_of(workload, given)
  local failed = {}
  local found = in_turns(list, given.quick and math.min(rounds, 3) or rounds,
    function(participant, round)
      progress(workload, participant, ("round %d of %d"):format(round, rounds))
      local ok, value = pcall(one[workload.measure], workload, participant, count)
      failed[participant] = failed[participant] or (not ok and tostring(value) or nil)
      return ok and value or 0 / 0
    end)
  local result = { against = {} }
  for i, participant in ipairs(list) do
    local value = measure.median(found[i])
    if failed[participant] then
      output.note(label_of(participant), failed[participant])
      result.failed = result.failed or participant.kind == "moongate"
    elseif i == 1 then
      result.first = { value = value }
      output.one(label_of(participant), value)
    else
      output.one(label_of(participant), value, median_ratio(found[1], found[i]))
    end
  end
  return result
end

-- Why a route with `pass` does not load, or nil.
local function no_pass()
  local code, out, err = process.run({ places.build .. "/moongate", "check",
    places.checkout .. "/tests/bench/pass" }, { env = servers.env })
  return code ~= 0 and (out .. err):match "[^\n]*" or nil
end

local function note_of(workload, given)
  if workload.measure then
    return workload.count and ("%d of them"):format(count_of(workload, given))
  end
  return ("%d clients"):format(workload.clients)
end

local function show_goals(results, all)
  output.line ""
  for _, goal in ipairs(goals) do
    local value = goal.value(results)
    local limit = ("at %s %s%s"):format(goal.least and "least" or "most", goal.limit, goal.unit)
    if value then
      local held = (goal.least and value >= goal.limit) or (not goal.least and value <= goal.limit)
      output.goal(held and "held" or "NOT HELD", goal.text, ("%.2f%s"):format(value, goal.unit), limit)
    elseif all then
      output.goal("not measured", goal.text, "", limit)
    end
  end
end

---Measures what was asked for; whether everything could be measured and was right.
return function(given)
  local results, right, refusal = {}, true, nil
  for _, workload in ipairs(given.selected) do
    refusal = workload.needs_pass and (refusal or no_pass()) or nil
    output.head(workload, note_of(workload, given))
    if refusal then
      output.note("skipped", refusal)
    else
      local run = workload.measure and run_figure or run_load
      local ok, result = pcall(run, workload, participants(workload, given), given)
      if ok then
        results[workload.name] = result
        right = right and not result.failed
      else
        output.note("FAILED", tostring(result))
        right = false
      end
    end
  end
  show_goals(results, given.all)
  return right
end
