-- Programs as children: what they print, how they end, what they hold. All waiting has a deadline.
local ffi = require "ffi"
local posix = require "support.posix"
local slurp = require "support.slurp"
local wait = require "support.wait"

local C = ffi.C
local process = {}
process.__index = process

local function strings(list)
  local array = ffi.new("const char *[?]", #list + 1)
  for i, text in ipairs(list) do
    array[i - 1] = text
  end
  return ffi.cast("char *const *", array), array
end

local function environment(extra)
  local list = {}
  local i = 0
  while C.environ[i] ~= nil do
    local text = ffi.string(C.environ[i])
    if extra[text:match "^[^=]*"] == nil then
      list[#list + 1] = text
    end
    i = i + 1
  end
  for name, value in pairs(extra) do
    list[#list + 1] = name .. "=" .. value
  end
  return list
end

-- Starts { program, arguments... }; options: env = { NAME = value }, cwd, fds = { [3] = fd } (what it
-- is given beside the first three; the numbers on the right are none of those on the left), err =
-- "pipe". Its standard output comes through a pipe, its standard error goes into a file: a program
-- that writes much is not stopped. With err = "pipe" it is, until somebody reads self.stderr.
function process.start(arguments, options)
  options = options or {}
  local folder = posix.folder()
  local self = setmetatable({ folder = folder, printed = "", arguments = arguments }, process)
  local pipe, pid = ffi.new "int[2]", ffi.new "int[1]"
  assert(C.pipe2(pipe, 0x80000) == 0, "no pipe")
  local actions = ffi.new "long[64]"
  C.posix_spawn_file_actions_init(actions)
  C.posix_spawn_file_actions_adddup2(actions, pipe[1], 1)
  C.posix_spawn_file_actions_addopen(actions, 0, "/dev/null", 0, 0)
  local err = options.err and ffi.new "int[2]"
  if err then
    assert(C.pipe2(err, 0x80000) == 0, "no pipe")
    C.posix_spawn_file_actions_adddup2(actions, err[1], 2)
    self.stderr = err[0]
  else
    C.posix_spawn_file_actions_addopen(actions, 2, folder .. "/err", 0x241, 384)
  end
  for number, fd in pairs(options.fds or {}) do
    C.posix_spawn_file_actions_adddup2(actions, fd, number)
  end
  if options.cwd then
    C.posix_spawn_file_actions_addchdir_np(actions, options.cwd)
  end
  local env = environment(options.env or {})
  local code = C.posix_spawn(pid, arguments[1], actions, nil, (strings(arguments)), (strings(env)))
  C.posix_spawn_file_actions_destroy(actions)
  C.close(pipe[1])
  if err then
    C.close(err[1])
  end
  self.stdout = pipe[0]
  if code ~= 0 then
    self:release()
    error(("cannot start %s (errno %d)"):format(arguments[1], code), 2)
  end
  self.pid = pid[0]
  self.pidfd = C.pidfd_open(self.pid, 0)
  return self
end

function process:release()
  for _, name in ipairs { "stdout", "stderr", "pidfd" } do
    if self[name] then
      C.close(self[name])
      self[name] = nil
    end
  end
  if self.folder then
    self.errors = slurp(self.folder .. "/err")
    os.remove(self.folder .. "/err")
    os.remove(self.folder)
    self.folder = nil
  end
end

-- What it has written to standard error so far.
function process:err()
  return self.folder and slurp(self.folder .. "/err") or self.errors
end

-- Reads its standard output until `pattern` matches, at most `within` ms (default 10,000): the
-- captures, or nil when the time is over or the output has ended.
function process:expect(pattern, within)
  local deadline = posix.now() + (within or 10000) * wait.slack
  while not self.printed:find(pattern) do
    if not self.stdout or not wait.readable(self.stdout, deadline) then
      return nil
    end
    local bytes = posix.read(self.stdout)
    if not bytes or bytes == "" then
      return self.printed:match(pattern)
    end
    self.printed = self.printed .. bytes
  end
  return self.printed:match(pattern)
end

-- Everything it printed until it closed its output.
function process:out(within)
  self:expect("^%zimpossible$", within) -- in a pattern \0 would be its end
  return self.printed
end

-- True when it was sent. At SIGSTOP the process stands still, or has ended, when this returns.
function process:signal(number)
  local sent = not self.code and posix.kill(self.pid, number)
  if sent and number == posix.SIGSTOP then
    wait.till(function()
      return not slurp(("/proc/%d/stat"):format(self.pid)):find "%) [RSD] "
    end)
  end
  return sent
end

-- Waits for its end, at most `within` ms (default 10,000): its exit code (128 + signal when one
-- ended it), or nil when it still runs.
function process:wait(within)
  if self.code then
    return self.code
  end
  local deadline = posix.now() + (within or 10000) * wait.slack
  if not wait.readable(self.pidfd, deadline) then
    return nil
  end
  local status = ffi.new "int[1]"
  assert(C.waitpid(self.pid, status, 0) == self.pid)
  local signal = bit.band(status[0], 127)
  self.code = signal == 0 and bit.rshift(bit.band(status[0], 0xff00), 8) or 128 + signal
  local rest = posix.read(self.stdout)
  while rest and rest ~= "" do
    self.printed = self.printed .. rest
    rest = posix.read(self.stdout)
  end
  self:release()
  return self.code
end

function process:kill()
  if not self.code then
    posix.kill(self.pid, posix.SIGKILL)
    self:wait()
  end
end

-- Runs a program to its end: its exit code, standard output, standard error.
function process.run(arguments, options)
  local self = process.start(arguments, options)
  local within = options and options.within
  self:out(within)
  local code = self:wait(within)
  if not code then
    self:kill()
    error(table.concat(arguments, " ") .. " did not end; it wrote: " .. self:err(), 2)
  end
  return code, self.printed, self:err()
end

-- Ends a process that is not our child, and waits until it is gone.
function process.kill_other(pid)
  local fd = C.pidfd_open(pid, 0)
  posix.kill(pid, posix.SIGKILL)
  if fd >= 0 then
    wait.readable(fd, posix.now() + 10000 * wait.slack)
    C.close(fd)
  end
end

-- The numbers of its children, the oldest first.
function process.children(pid)
  local list = {}
  for number in slurp(("/proc/%d/task/%d/children"):format(pid, pid)):gmatch "%d+" do
    list[#list + 1] = tonumber(number)
  end
  return list
end

-- The youngest child's youngest child and so on: `pid` itself when it has none.
function process.newest_below(pid)
  local children = process.children(pid)
  return children[1] and process.newest_below(children[#children]) or pid
end

-- Whether there is such a process, and it has not ended.
function process.lives(pid)
  local state = slurp(("/proc/%d/stat"):format(pid)):match "%) (%a)"
  return state and state ~= "Z" and state ~= "X"
end

-- The numbers that a folder of /proc has for names; none when it is gone.
local function numbers(path)
  local list = {}
  local pipe = io.popen("ls -1 '" .. path .. "' 2>/dev/null")
  for name in pipe:lines() do
    list[#list + 1] = tonumber(name)
  end
  pipe:close()
  return list
end

-- The numbers of its threads.
function process.tasks(pid)
  return numbers(("/proc/%d/task"):format(pid))
end

-- The numbers of its descriptors.
function process.descriptors(pid)
  return numbers(("/proc/%d/fd"):format(pid))
end

function process:threads()
  return #process.tasks(self.pid)
end

function process:fds()
  return #process.descriptors(self.pid)
end

-- Processor time that it has used, in ms.
function process:cpu()
  local stat = slurp("/proc/" .. self.pid .. "/stat"):match "%) (.*)$"
  local fields = {}
  for field in stat:gmatch "%S+" do
    fields[#fields + 1] = field
  end
  return (tonumber(fields[12]) + tonumber(fields[13])) * 10 -- in ticks of 1/100 s
end

-- Memory that it has in use, in KiB.
function process:rss()
  return tonumber(slurp("/proc/" .. self.pid .. "/status"):match "VmRSS:%s*(%d+)")
end

return process
