-- What /proc says of processes: memory, descriptors, threads, and how long they had to wait for a
-- processor or a disk, which is what tells a slow gateway from a slow machine.
local process = require "support.process"
local slurp = require "support.slurp"

local gauge = {
  FDS_MORE = 8, -- descriptors that may be there at rest after a soak, more than before
}

local function field(pid, name)
  return tonumber(slurp(("/proc/%d/status"):format(pid)):match(name .. ":%s*(%d+)"))
end

function gauge.rss(pid) -- KiB
  return pid and field(pid, "VmRSS")
end

function gauge.threads(pid)
  return pid and field(pid, "Threads")
end

function gauge.fds(pid)
  return pid and #process.descriptors(pid)
end

-- What its descriptors are, and how many of each: for people.
function gauge.kinds(pid)
  local kinds = {}
  local pipe = io.popen(("ls -l /proc/%d/fd 2>/dev/null"):format(pid))
  for line in pipe:lines() do
    local kind = line:match "%-> (.*)$"
    kind = kind and kind:gsub("%d+", "N")
    if kind then
      kinds[kind] = (kinds[kind] or 0) + 1
    end
  end
  pipe:close()
  return kinds
end

function gauge.tasks(pid) -- the paths of its threads' figures
  local paths = {}
  for _, task in ipairs(process.tasks(pid)) do
    paths[#paths + 1] = ("/proc/%d/task/%d/schedstat"):format(pid, task)
  end
  return paths
end

-- How long a thread has waited for a processor in all, in ms.
function gauge.waited(path)
  local waited = slurp(path):match "^%d+ (%d+)"
  return waited and tonumber(waited) / 1e6
end

-- How long, in all, some thread of the machine has waited for its disks, in ms; nil: the kernel does not say.
function gauge.disks()
  local waited = slurp("/proc/pressure/io"):match "some [^\n]*total=(%d+)"
  return waited and tonumber(waited) / 1e3
end

-- The slope of a list of { at (ms), KiB }, by least squares, in KiB an hour.
function gauge.slope(samples)
  local n, sx, sy, sxx, sxy = #samples, 0, 0, 0, 0
  for _, one in ipairs(samples) do
    local x, y = (one[1] - samples[1][1]) / 3600000, one[2]
    sx, sy, sxx, sxy = sx + x, sy + y, sxx + x * x, sxy + x * y
  end
  local spread = n * sxx - sx * sx
  return spread > 0 and (n * sxy - sx * sy) / spread or 0
end

return gauge
