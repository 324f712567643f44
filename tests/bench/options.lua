-- The command line of the benchmark.
local workloads = require "bench.workloads"

local options = { workloads = workloads }

local function words(list)
  local set = {}
  for word in list:gmatch "[^,]+" do
    set[word] = true
  end
  return set
end

local function named(name)
  for _, workload in ipairs(workloads) do
    if workload.name == name then
      return workload
    end
  end
  error(('there is no workload "%s"; --list shows them'):format(name), 0)
end

local takes_value = { ["--against"] = true, ["--rounds"] = true }

local function option(given, name, value)
  if takes_value[name] and not value then
    error(name .. " wants a value", 0)
  elseif name == "--against" then
    given.against = words(value)
  elseif name == "--rounds" then
    given.rounds = tonumber(value) or error("--rounds wants a number", 0)
  elseif name == "--quick" or name == "--list" then
    given[name:sub(3)] = true
  else
    error(("no option %s: there are --quick --against --rounds --list"):format(name), 0)
  end
end

---Reads { "run" or "profile", arguments... }: { action, selected, quick, against, rounds, list,
---seconds }.
function options.read(arguments)
  local given = { action = arguments[1], selected = {} }
  local i = 2
  while arguments[i] do
    local word = arguments[i]
    if word:sub(1, 1) == "-" then
      option(given, word, arguments[i + 1])
      i = i + (takes_value[word] and 1 or 0)
    elseif given.action == "profile" and tonumber(word) then
      given.seconds = tonumber(word)
    else
      given.selected[#given.selected + 1] = named(word)
    end
    i = i + 1
  end
  if #given.selected == 0 then
    given.all, given.selected = true, workloads
  end
  return given
end

return options
