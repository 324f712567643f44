-- The servers of a benchmark: Moongate, the floor, the peers and the backends of all of them. Each
-- is a child with configuration, port and folder of its own, and is gone at the end.
local ffi = require "ffi"
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local process = require "support.process"

ffi.cdef "int fcntl(int fd, int command, ...); unsigned int getuid(void);"

local BACKLOG, F_SETFD = 4096, 2
local bench = places.checkout .. "/tests/bench"
local files = tonumber(os.getenv "BENCH_FILES")
local made = places.build .. "/bench"
local debian, libraries = made .. "/debian", os.getenv "BENCH_LIBRARIES"

local servers = { env = {}, all = {} }
local server = {}
server.__index = server

-- A listening socket that a child inherits, so that no port is guessed. The caller closes it.
local function listener()
  local fd, port = posix.listen(BACKLOG)
  assert(fd, port)
  ffi.C.fcntl(fd, F_SETFD, ffi.cast("int", 0))
  return fd, port
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

-- Fills @NAME@ in a peer's configuration; the path of the result.
local function configure(name, values)
  local path = servers.scratch .. "/" .. name
  local file = assert(io.open(path, "w"))
  file:write((read(bench .. "/peers/" .. name):gsub("@([A-Z]+)@", function(key)
    return tostring(assert(values[key] or servers.values[key], key))
  end)))
  file:close()
  return path
end

local function adopt(self, command, env)
  local all = {}
  for _, from in ipairs { servers.env, env or {} } do
    for key, value in pairs(from) do
      all[key] = value
    end
  end
  self.process = process.start(command, { env = all, cwd = servers.scratch })
  setmetatable(self, server)
  servers.all[#servers.all + 1] = self
  return self
end

-- Starts a program that is given its listening socket. `command` gets the descriptor.
local function with_socket(self, command, env)
  local fd
  fd, self.port = listener()
  local arguments, more = command(fd, self.port), env and env(fd)
  table.insert(arguments, 1, "/usr/bin/env")
  adopt(self, arguments, more)
  posix.close(fd)
  return self
end

local start = {}

function start.moongate(self, options)
  local folder = options.folder or bench .. "/gateway"
  local command = { unpack(options.under or {}) }
  for _, word in ipairs { places.build .. "/moongate", "serve", folder, "--listen", "127.0.0.1:0",
    "--workers", tostring(options.workers or 1) } do
    command[#command + 1] = word
  end
  adopt(self, command)
  self.port = tonumber(self.process:expect("listening on http://[%d.]+:(%d+)", 30000))
  return self.port and self
end

local function floor(self, ports)
  return with_socket(self, function(fd)
    return { made .. "/floor", tostring(fd), unpack(ports) }
  end, function()
    return { LUA_CPATH = libraries .. "/lua/5.1/?.so;;" }
  end)
end

function start.floor(self)
  local ports = servers.ports
  return floor(self, { tostring(ports.users), tostring(ports.orders), tostring(ports.wallet),
    tostring(ports.slow) })
end

function start.slow(self)
  return floor(self, {})
end

local function nginx(configuration)
  return { debian .. "/usr/sbin/nginx", "-p", servers.scratch, "-e", "stderr", "-c", configuration }
end

-- Listening sockets for nginx, which takes them over as it would from an older nginx; and where its
-- own LuaJIT lies.
local function inherited(fds)
  return { NGINX = table.concat(fds, ";") .. ";", LD_LIBRARY_PATH = libraries }
end

start["nginx+lua"] = function(self)
  return with_socket(self, function(_, port)
    return nginx(configure("nginx.conf", { PORT = port }))
  end, function(fd)
    return inherited { fd }
  end)
end

function start.haproxy(self)
  return with_socket(self, function(fd)
    return { "haproxy", "-db", "-q", "-f", configure("haproxy.cfg", { FD = fd }) }
  end)
end

function start.node(self)
  return with_socket(self, function(fd)
    return { "node", bench .. "/peers/node.mjs", tostring(fd), made .. "/node" }
  end, function()
    return { NODE_ENV = "production" }
  end)
end

function start.fastapi(self)
  return with_socket(self, function(fd)
    return { "/usr/bin/python3", bench .. "/peers/fastapi_app.py", tostring(fd), "40" }
  end)
end

function start.backends(self)
  local fds, ports = {}, {}
  for i = 1, 3 do
    fds[i], ports[i] = listener()
  end
  local path = configure("backends.conf", { USERS = ports[1], ORDERS = ports[2],
    WALLET = ports[3] })
  adopt(self, nginx(path), inherited(fds))
  for _, fd in ipairs(fds) do
    posix.close(fd)
  end
  self.ports, self.port = ports, ports[1]
  return self
end

-- What each peer needs to take part; nothing: it always does.
local needed = {
  haproxy = "command -v haproxy",
  node = "command -v node && test -d '" .. made .. "/node/node_modules/undici'",
  fastapi = "/usr/bin/python3 -c 'import fastapi, uvicorn'",
}

---Whether a peer is installed.
function servers.has(kind)
  return not needed[kind] or os.execute("{ " .. needed[kind] .. "; } >/dev/null 2>&1") == 0
end

local function answers(self, path)
  local c = http.try_connect(self.port, { within = 10000 })
  local reply = c and c:ask(path)
  if c then
    c:close()
  end
  return reply and reply.status == 200
end

---Starts a server and waits for its first reply, to `path` when given.
function servers.start(kind, options, path)
  local self = start[kind]({ kind = kind }, options or {})
  if not self or (path and not answers(self, path)) then
    local child = servers.all[#servers.all].process
    child:kill()
    error(kind .. " does not start: " .. child.printed .. child:err(), 0)
  end
  return self
end

---Starts the backends that every other server asks.
function servers.open(scratch)
  local values = {
    SCRATCH = scratch, PEERS = bench .. "/peers", PAGES = bench .. "/gateway/pages",
    DEBIAN = debian, LIBRARIES = libraries, FILES = files, CONNECTIONS = math.min(16000, math.floor(files * 0.8)),
    USER = ffi.C.getuid() == 0 and "user root;" or "",
  }
  servers.scratch, servers.values = scratch, values
  local backends = servers.start("backends", {}, "/users/42")
  local slow = servers.start("slow", {}, "/waiting")
  servers.slow = slow
  servers.ports = { users = backends.ports[1], orders = backends.ports[2],
    wallet = backends.ports[3], slow = slow.port }
  for name, port in pairs(servers.ports) do
    values[name:upper()] = port
    servers.env["BENCH_" .. name:upper()] = "http://127.0.0.1:" .. port
  end
  servers.env.BENCH_DB = scratch .. "/shop.db"
  servers.env.BENCH_PAGES = values.PAGES
end

---How many requests the slow backend holds that it will not answer.
function servers.waiting()
  return tonumber(http.get(servers.slow.port, "/waiting").body)
end

function server:stop()
  if not self.stopped then
    self.stopped = true
    self.process:signal(posix.SIGTERM)
    if not self.process:wait(5000) then
      self.process:kill()
    end
  end
end

---Ends all of them, the backends last.
function servers.close()
  for i = #servers.all, 1, -1 do
    servers.all[i]:stop()
  end
end

-- The processes of a server: its own and all that come of it.
function server:pids()
  local parents, found, pipe = {}, { self.process.pid }, io.popen "cat /proc/[0-9]*/stat 2>/dev/null"
  for line in pipe:lines() do
    local pid, parent = line:match "^(%d+) %(.*%) %a (%d+)"
    if pid then
      parents[tonumber(pid)] = tonumber(parent)
    end
  end
  pipe:close()
  local at = 1
  while found[at] do
    for pid, parent in pairs(parents) do
      if parent == found[at] then
        found[#found + 1] = pid
      end
    end
    at = at + 1
  end
  return found
end

-- Sums what `pattern` finds in /proc/PID/NAME of each process.
local function sum(self, name, pattern)
  local first, second = 0, 0
  for _, pid in ipairs(self:pids()) do
    local pipe = io.popen(("cat /proc/%d/%s 2>/dev/null"):format(pid, name))
    for a, b in pipe:read("*a"):gmatch(pattern) do
      first, second = first + tonumber(a), second + (tonumber(b) or 0)
    end
    pipe:close()
  end
  return first, second
end

---What it has used of the processors: user and kernel in ticks, and both together in us.
function server:cpu()
  local user, kernel = sum(self, "stat", "%d+ %(.*%) %a" .. (" %-?%d+"):rep(10) .. " (%d+) (%d+)")
  return { user = user, kernel = kernel, us = sum(self, "task/*/schedstat", "(%d+) %d+ %d+") / 1e3 }
end

---Its memory in use, in KiB.
function server:rss()
  return (sum(self, "status", "VmRSS:%s*(%d+)"))
end

---How many descriptors its processes hold.
function server:fds()
  local count = 0
  for _, pid in ipairs(self:pids()) do
    local pipe = io.popen(("ls /proc/%d/fd 2>/dev/null | wc -l"):format(pid))
    count = count + tonumber(pipe:read "*l")
    pipe:close()
  end
  return count
end

return servers
