-- Stops one thread of a process that the test has started, as a debugger would, while its others run:
--   local frozen = freeze.thread(g.pid, "worker 1")
--   ...
--   frozen:thaw()
-- Nil and why where the system does not let us.
local ffi = require "ffi"
local process = require "support.process"
local slurp = require "support.slurp"

ffi.cdef [[ long ptrace(int request, int tid, void *address, void *data); ]]

local SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000

local freeze = {}
local frozen = {}
frozen.__index = frozen

-- The thread of that name, in the process or in one that it has started.
local function find(pid, name)
  for _, tid in ipairs(process.tasks(pid)) do
    if slurp(("/proc/%d/task/%d/comm"):format(pid, tid)) == name .. "\n" then
      return tid
    end
  end
  for _, child in ipairs(process.children(pid)) do
    local tid = find(child, name)
    if tid then
      return tid
    end
  end
end

function freeze.thread(pid, name)
  local tid = assert(find(pid, name), "no thread " .. name)
  if ffi.C.ptrace(SEIZE, tid, nil, nil) ~= 0 then
    return nil, "ptrace: errno " .. ffi.errno()
  end
  assert(ffi.C.ptrace(INTERRUPT, tid, nil, nil) == 0)
  assert(ffi.C.waitpid(tid, ffi.new "int[1]", WALL) == tid)
  return setmetatable({ tid = tid }, frozen)
end

function frozen:thaw()
  if self.tid then
    assert(ffi.C.ptrace(DETACH, self.tid, nil, nil) == 0)
    self.tid = nil
  end
end

return freeze
