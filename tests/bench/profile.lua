-- One workload on Moongate alone, under perf; where the kernel does not allow that, under callgrind.
local cast = require "bench.cast"
local measure = require "bench.measure"
local output = require "bench.table"
local process = require "support.process"
local servers = require "bench.servers"

local LINES = 60

local function show(command)
  local pipe = assert(io.popen(command))
  local count = 0
  for line in pipe:lines() do
    if line:find "%S" and count < LINES then
      count = count + 1
      output.line("%s", line)
    end
  end
  pipe:close()
end

local function show_figures(figures)
  output.line("%d requests, %.1f us each, user %.1f, kernel %.1f, %.0f a second", figures.requests,
    figures.cpu, figures.user, figures.kernel, figures.rate)
end

local function can_perf()
  return os.execute("perf record -q -o '" .. servers.scratch
    .. "/try.perf' true >/dev/null 2>&1") == 0
end

local function with_perf(server, path, load)
  local data = servers.scratch .. "/perf.data"
  local recorder = process.start { "/usr/bin/env", "perf", "record", "-q", "-F", "1999", "-g", "-o",
    data, "-p", table.concat(server:pids(), ","), "--", "sleep", tostring(load.seconds) }
  show_figures(measure.together { measure.load(server, path, load) })
  recorder:wait((load.seconds + 20) * 1e3)
  output.line "-- by library"
  show("perf report --stdio --no-children -g none --sort dso --percent-limit 0.5 -i '" .. data
    .. "' 2>/dev/null | grep -v '^#'")
  output.line "-- by function, itself"
  show("perf report --stdio --no-children -g none --percent-limit 0.4 -i '" .. data
    .. "' 2>/dev/null | grep -v '^#'")
  output.line "-- by function, with what it calls"
  show("perf report --stdio --children -g none --percent-limit 3 -i '" .. data
    .. "' 2>/dev/null | grep -v '^#'")
end

local function with_callgrind(server, path, load)
  show_figures(measure.together { measure.load(server, path, load) })
  server:stop()
  show("callgrind_annotate " .. servers.scratch .. "/callgrind.out.* 2>/dev/null"
    .. " | grep -E '^ *[0-9,]+ \\(' | cut -c 1-120")
end

---Profiles the workload given by name.
return function(given)
  local workload = given.selected[1]
  if given.all or #given.selected > 1 or workload.measure then
    error("usage: tests/bench/profile WORKLOAD [SECONDS], one that puts Moongate under load", 0)
  end
  local participant = workload.who[1]
  local options = cast.options(participant)
  local perf = can_perf()
  if not perf then
    options.under = { "/usr/bin/env", "valgrind", "--tool=callgrind",
      "--callgrind-out-file=" .. servers.scratch .. "/callgrind.out.%p" }
  end
  local server = servers.start("moongate", options, participant.path)
  local load = { clients = workload.clients, threads = workload.threads,
    seconds = given.seconds or 10, many = participant.many }
  local run = perf and with_perf or with_callgrind
  run(server, participant.path, load)
  return true
end
