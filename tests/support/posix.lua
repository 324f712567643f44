-- The part of POSIX (as Linux on 64 bits has it) that flow tests need. Functions return a value, or
-- nil and the name of the error.
local ffi = require "ffi"

ffi.cdef [[
struct test_address { unsigned short family, port; unsigned int address; char zero[8]; };
struct test_unix_address { unsigned short family; char path[108]; };
struct test_pollfd { int fd; short events, revents; };
struct test_timespec { long seconds, nanoseconds; };
int socket(int domain, int type, int protocol);
int bind(int fd, const struct test_address *address, unsigned int len);
int listen(int fd, int backlog);
int connect(int fd, const struct test_address *address, unsigned int len);
int getsockname(int fd, struct test_address *address, unsigned int *len);
int getsockopt(int fd, int level, int name, void *value, unsigned int *len);
int setsockopt(int fd, int level, int name, const void *value, unsigned int len);
int shutdown(int fd, int how);
intptr_t send(int fd, const void *data, size_t len, int flags);
intptr_t recv(int fd, void *data, size_t len, int flags);
intptr_t read(int fd, void *data, size_t len);
int close(int fd);
int poll(struct test_pollfd *fds, unsigned long count, int timeout);
int clock_gettime(int clock, struct test_timespec *time);
unsigned short htons(unsigned short port);
unsigned int inet_addr(const char *text);
int pipe2(int fds[2], int flags);
int open(const char *path, int flags, ...);
int flock(int fd, int operation);
int kill(int pid, int signal);
int waitpid(int pid, int *status, int options);
int pidfd_open(int pid, unsigned int flags);
int getpid(void);
int pidfd_getfd(int pidfd, int fd, unsigned int flags);
char *mkdtemp(char *pattern);
int posix_spawn(int *pid, const char *path, const void *actions, const void *attributes,
                char *const arguments[], char *const environment[]);
int posix_spawn_file_actions_init(void *actions);
int posix_spawn_file_actions_destroy(void *actions);
int posix_spawn_file_actions_adddup2(void *actions, int from, int to);
int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags,
                                     unsigned int mode);
int posix_spawn_file_actions_addchdir_np(void *actions, const char *path);
extern char **environ;
]]

local C = ffi.C
local posix = {
  SIGINT = 2, SIGKILL = 9, SIGTERM = 15, SIGHUP = 1, SIGSTOP = 19, SIGCONT = 18,
  IN = 1, OUT = 4,
}

local names = {
  [2] = "missing", [11] = "again", [32] = "reset", [104] = "reset", [110] = "timeout", [111] = "refused",
  [115] = "again", [24] = "too many files",
}

local function failure()
  local number = ffi.errno()
  return nil, names[number] or ("errno " .. number)
end

local AF_INET, SOCK_STREAM, NONBLOCK, CLOEXEC = 2, 1, 0x800, 0x80000
local SOL_SOCKET, SO_REUSEADDR, SO_ERROR, SO_RCVBUF, SO_LINGER = 1, 2, 4, 8, 13
local IPPROTO_TCP, TCP_NODELAY = 6, 1

local time = ffi.new "struct test_timespec"

-- Milliseconds of the monotonic clock.
function posix.now()
  C.clock_gettime(1, time)
  return tonumber(time.seconds) * 1e3 + tonumber(time.nanoseconds) / 1e6
end

local address_size = ffi.sizeof "struct test_address"

local function address(host, port)
  local a = ffi.new "struct test_address"
  a.family, a.port, a.address = AF_INET, C.htons(port), C.inet_addr(host)
  return a
end

local function tcp()
  return C.socket(AF_INET, bit.bor(SOCK_STREAM, NONBLOCK, CLOEXEC), 0)
end

local function set(fd, level, name, value)
  C.setsockopt(fd, level, name, ffi.new("int[1]", value), 4)
end

-- A unix socket, and the address that the path makes.
local function unix(path)
  local a = ffi.new "struct test_unix_address"
  a.family, a.path = 1, path
  local fd = C.socket(1, bit.bor(SOCK_STREAM, NONBLOCK, CLOEXEC), 0)
  return fd, ffi.cast("struct test_address *", a), ffi.sizeof(a), a
end

-- A unix socket that listens.
function posix.listen_unix(path, backlog)
  local fd, at, size, kept = unix(path)
  assert(kept and C.bind(fd, at, size) == 0 and C.listen(fd, backlog or 100) == 0)
  return fd
end

local function connect_unix(path)
  local fd, at, size, kept = unix(path)
  if kept and C.connect(fd, at, size) < 0 then
    local _, why = failure()
    C.close(fd)
    return nil, why
  end
  return fd
end

-- A unix socket that datagrams come to.
function posix.datagrams(path)
  local a = ffi.new "struct test_unix_address"
  a.family, a.path = 1, path
  local fd = C.socket(1, bit.bor(2, NONBLOCK, CLOEXEC), 0)
  assert(C.bind(fd, ffi.cast("struct test_address *", a), ffi.sizeof(a)) == 0)
  return fd
end

-- The descriptor of another process that is a socket of packets in order (SOCK_SEQPACKET), as one of
-- our own; nil when there is none, or we may not.
function posix.packets_of(pid)
  local pidfd = C.pidfd_open(pid, 0)
  local value, len = ffi.new "int[1]", ffi.new("unsigned int[1]", 4)
  local found
  for number = 3, 63 do
    local fd = not found and C.pidfd_getfd(pidfd, number, 0) or -1
    if fd >= 0 and C.getsockopt(fd, SOL_SOCKET, 3, value, len) == 0 and value[0] == 5 then
      found = fd
    elseif fd >= 0 then
      C.close(fd)
    end
  end
  C.close(pidfd)
  return found
end

-- A socket that is connecting; it becomes writable when that has ended, see socket_error. `host` may
-- be the path of a unix socket. `from`: the address that it comes from, where that matters.
function posix.connect(host, port, receive_room, from)
  if host:find "^/" then
    return connect_unix(host)
  end
  local fd = tcp()
  if fd < 0 then
    return failure()
  end
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1)
  if receive_room then
    set(fd, SOL_SOCKET, SO_RCVBUF, receive_room)
  end
  assert(not from or C.bind(fd, address(from, 0), address_size) == 0)
  if C.connect(fd, address(host, port), address_size) < 0 and ffi.errno() ~= 115 then
    local _, why = failure()
    C.close(fd)
    return nil, why
  end
  return fd
end

-- A socket bound to a free port, and the port. It listens unless backlog is nil: then its port
-- refuses connections and nobody else gets it.
function posix.listen(backlog)
  local fd = tcp()
  local a, len = address("127.0.0.1", 0), ffi.new("unsigned int[1]", address_size)
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1)
  if fd < 0 or C.bind(fd, a, len[0]) < 0 or (backlog and C.listen(fd, backlog) < 0)
    or C.getsockname(fd, a, len) < 0 then
    return failure()
  end
  return fd, C.htons(a.port)
end

function posix.socket_error(fd)
  local value, len = ffi.new "int[1]", ffi.new("unsigned int[1]", 4)
  C.getsockopt(fd, SOL_SOCKET, SO_ERROR, value, len)
  return value[0] ~= 0 and (names[value[0]] or "errno " .. value[0]) or nil
end

function posix.send(fd, data, from)
  local sent = C.send(fd, ffi.cast("const char *", data) + from, #data - from, 0x4000)
  if sent < 0 then
    return failure()
  end
  return tonumber(sent)
end

local room = ffi.new("char[?]", 65536)

-- Bytes that have come; "" at the end. Works for sockets and pipes.
function posix.read(fd)
  local got = C.read(fd, room, 65536)
  if got < 0 then
    return failure()
  end
  return ffi.string(room, got)
end

-- Takes up to 64 KiB that have come and forgets them: how many; 0 at the end.
function posix.drop(fd)
  local got = C.read(fd, room, 65536)
  if got < 0 then
    return failure()
  end
  return tonumber(got)
end

posix.close = function(fd) return C.close(fd) end
posix.kill = function(pid, signal) return C.kill(pid, signal) == 0 end
posix.shut = function(fd) return C.shutdown(fd, 1) end -- our sending side

-- Makes the next close send RST.
function posix.linger_reset(fd)
  C.setsockopt(fd, SOL_SOCKET, SO_LINGER, ffi.new("int[2]", 1, 0), 8)
end

-- Waits until one of fds = { { fd =, events = }, ... } is ready or `ms` are over; marks each one's
-- `ready`.
function posix.poll(fds, ms)
  local list = ffi.new("struct test_pollfd[?]", math.max(#fds, 1))
  for i, one in ipairs(fds) do
    list[i - 1].fd, list[i - 1].events = one.fd, one.events
  end
  C.poll(list, #fds, math.min(math.max(math.ceil(ms), 0), 2 ^ 30))
  for i, one in ipairs(fds) do
    one.ready = list[i - 1].revents ~= 0
  end
end

-- Waits until nobody else has the file locked and locks it, until it is closed.
function posix.lock(path)
  local fd = C.open(path, 0x80042, ffi.cast("int", 384)) -- O_RDWR, O_CREAT, O_CLOEXEC
  if fd < 0 or C.flock(fd, 2) < 0 then
    return failure()
  end
  return fd
end

-- A new folder of our own under TMPDIR.
function posix.folder()
  local pattern = (os.getenv "TMPDIR" or "/tmp") .. "/moongate.XXXXXX"
  local path = ffi.new("char[?]", #pattern + 1, pattern)
  assert(C.mkdtemp(path) ~= nil, "no temporary folder")
  return ffi.string(path)
end

return posix
