-- Load at a given rate, see loadgen.c:
--   local normal, burst = loadgen.run(g, "/busy/", { "c8x1", "5000x10" })
-- Each phase's counts and times by name: sent, ok, shed, lost, ok_p99 (us), ...
local places = require "support.places"
local process = require "support.process"

local loadgen = {}

-- Words in front of a command that keep it on one processor, if there are several, so that load and
-- gateway do not take each other's.
function loadgen.on(processor)
  local _, processors = process.run { "/usr/bin/nproc" }
  return tonumber(processors) > processor and { "/usr/bin/taskset", "-c", tostring(processor) } or {}
end

-- options: before (such as loadgen.on gives).
function loadgen.start(g, path, phases, options)
  local command = {}
  for _, word in ipairs(options and options.before or {}) do
    command[#command + 1] = word
  end
  command[#command + 1] = places.build .. "/tests/loadgen"
  command[#command + 1] = tostring(g.port)
  command[#command + 1] = path
  local seconds = 0
  for _, phase in ipairs(phases) do
    command[#command + 1] = phase
    seconds = seconds + tonumber(phase:match "x(.*)$")
  end
  return { process = process.start(command), within = (seconds + 20) * 1000 }
end

function loadgen.finish(load)
  local out = load.process:out(load.within)
  local code = load.process:wait(load.within)
  if code ~= 0 then
    load.process:kill()
    error("loadgen ended with " .. tostring(code) .. ": " .. load.process:err(), 2)
  end
  local list = {}
  for line in out:gmatch "[^\n]+" do
    local phase = {}
    for name, value in line:gmatch "([%w_]+)=(%d+)" do
      phase[name] = tonumber(value)
    end
    list[phase.phase] = phase
  end
  return unpack(list)
end

function loadgen.run(g, path, phases, options)
  return loadgen.finish(loadgen.start(g, path, phases, options))
end

return loadgen
