-- Runs workloads: checks every participant's reply once, warms it up, and measures all in turns.
local cast = require "bench.cast"
local goals = require "bench.goals"
local measure = require "bench.measure"
local output = require "bench.table"
local places = require "support.places"
local process = require "support.process"
local servers = require "bench.servers"

local REQUESTS, ROUNDS, SECONDS_MOST = 50000, 5, 30

local function progress(workload, participant, text)
  output.progress(("%s: %s, %s"):format(workload.name, cast.label(participant), text))
end

-- Seconds of the next round, so that the rounds left make up REQUESTS together at the rate seen.
local function share(workload, state, left)
  if workload.seconds then
    return workload.seconds
  end
  local seconds = math.ceil((1.05 * REQUESTS - state.done) / left / math.max(state.rate, 1))
  return math.min(math.max(seconds, 1), SECONDS_MOST)
end

local function load_once(workload, participant, seconds)
  return measure.load(cast.server(participant), participant.path, { clients = workload.clients,
    threads = workload.threads, seconds = seconds, many = participant.many })
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
  local states = {}
  for _, participant in ipairs(list) do
    cast.check(workload, participant)
    progress(workload, participant, "warming up")
    local warm = not given.quick and not workload.seconds and load_once(workload, participant, 1)
    states[participant] = { done = 0, rate = warm and warm.rate or 0 }
  end
  local found = in_turns(list, rounds, function(participant, round)
    local state = states[participant]
    progress(workload, participant, ("round %d of %d"):format(round, rounds))
    local figures = load_once(workload, participant,
      given.quick and 1 or share(workload, state, rounds - round + 1))
    state.done, state.rate = state.done + figures.requests, figures.rate
    return figures
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
      result.against[cast.label(participant)] = { figures = figures, x = x }
    end
    result.failed = result.failed or (participant.kind == "moongate" and figures.failed > 0)
    output.load(cast.label(participant), figures, x)
  end
  return result
end

local one = {}

function one.start(_, participant)
  return measure.start(participant.kind, cast.options(participant), participant.path)
end

local function on_fresh(f)
  return function(workload, participant, count)
    local server = servers.start(participant.kind, cast.options(participant),
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
  return workload.count and (given.quick and math.ceil(workload.count / 10) or workload.count)
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
      output.note(cast.label(participant), failed[participant])
      result.failed = result.failed or participant.kind == "moongate"
    elseif i == 1 then
      result.first = { value = value }
      output.one(cast.label(participant), value)
    else
      output.one(cast.label(participant), value, median_ratio(found[1], found[i]))
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

-- On what it was measured, and which of its ways to services Moongate takes: a busy machine spoils
-- the figures.
local function show_machine()
  local _, processors = process.run { "/usr/bin/env", "nproc" }
  local load = assert(io.open "/proc/loadavg")
  local _, routes = process.run({ places.build .. "/moongate", "routes",
    places.checkout .. "/tests/bench/gateway" }, { env = servers.env })
  output.line("%d processors, load average %s before the first of them%s", tonumber(processors),
    load:read "*l":match "%S+", routes:find "plain" and "; services by the plain path" or "")
  load:close()
end

---Measures what was asked for; whether everything could be measured and was right.
return function(given)
  local results, right, refusal = {}, true, nil
  show_machine()
  for _, workload in ipairs(given.selected) do
    refusal = workload.needs_pass and (refusal or no_pass()) or nil
    output.head(workload, note_of(workload, given))
    if refusal then
      output.note("skipped", refusal)
    else
      local run = workload.measure and run_figure or run_load
      local ok, result = pcall(run, workload, cast.of(workload, given), given)
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
