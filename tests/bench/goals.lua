-- What Moongate is to reach. Each goal reads one figure out of the results, which are kept as
-- results[workload] = { first = figures, against = { [label] = { figures =, x = ratios } } }.
local measure = require "bench.measure"

local function ratio(workload, label, name)
  return function(results)
    local against = results[workload] and results[workload].against[label]
    return against and against.x[name]
  end
end

local function first(workload, name)
  return function(results)
    return results[workload] and results[workload].first and results[workload].first[name]
  end
end

-- How far beyond the slowest call's 300 ms the p99 is, as a ratio of the floor's, round by round.
local function lateness(results)
  local found = results["pool-1000"]
  local floor = found and found.against.floor
  if not floor then
    return nil
  end
  local ratios = {}
  for i, round in ipairs(found.first.rounds) do
    ratios[i] = (round.p99 - 300) / math.max(floor.figures.rounds[i].p99 - 300, 0.1)
  end
  return measure.median(ratios)
end

local function at_most(text, limit, unit, value)
  return { text = text, limit = limit, unit = unit, value = value }
end

local function at_least(text, limit, unit, value)
  return { text = text, limit = limit, unit = unit, value = value, least = true }
end

local function cpu(text, limit, workload, label)
  return at_most(text, limit, "x", ratio(workload, label, "cpu"))
end

return {
  cpu("fan-out of 3, function: CPU of nginx+lua", 0.85, "fan3", "nginx+lua"),
  cpu("fan-out of 3, function: CPU of the floor", 1.20, "fan3", "floor"),
  cpu("fan-out of 3, function: CPU of Node", 0.30, "fan3", "node"),
  cpu("fan-out of 3, template: CPU of the floor", 0.95, "fan3-template", "floor"),
  cpu("fan-out of 3, no reply declared: CPU of the floor", 0.95, "fan3-none", "floor"),
  cpu("fan-out of 3, gate.all: CPU of the planned form", 1.10, "fan3-all", "moongate, planned"),
  cpu("hello: CPU of nginx+lua", 0.90, "hello", "nginx+lua"),
  cpu("pass-through of 1 KiB: CPU of nginx", 1.00, "pass-1k", "nginx+lua"),
  at_least("pass-through of 10 MiB: throughput of nginx", 0.90, "x",
    ratio("pass-10m", "nginx+lua", "rate")),
  at_most("pass-through of 10 MiB: memory of a transfer", 4096, " KiB", first("pass-memory", "value")),
  at_least("thread-pool endpoint, 1,000 clients: requests per second", 3000, "",
    first("pool-1000", "rate")),
  at_most("thread-pool endpoint, 1,000 clients: p99 - 300 ms of the floor", 3, "x", lateness),
  at_most("memory of an idle connection", 2, " KiB", first("idle", "value")),
  at_most("memory of an idle connection that was used", 2, " KiB", first("idle-used", "value")),
  at_most("memory of a request that waits for three backends", 8, " KiB", first("waiting", "value")),
  cpu("10,000 routes: CPU of 10", 1.05, "routes", "10 routes"),
  cpu("two workers, fan-out of 3: CPU of one", 1.05, "workers", "1 worker"),
  cpu("two workers, hello: CPU of one", 1.05, "workers-hello", "1 worker"),
  at_most("cold start to the first reply", 50, " ms", first("start", "value")),
}
