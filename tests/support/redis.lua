-- A Redis of the test's own: no persistence, a folder and a port that nobody else has, also while it
-- is down.
--   local server = redis.start()
--   ... redis = { cache = server.url } ... server:cli("get", "k") ... server:kill() server:again()
-- after_each(redis.clean) ends them all.
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local process = require "support.process"
local wait = require "support.wait"

local redis = {}
redis.__index = redis
local servers = {}

-- options: arguments (more of them), password.
function redis.start(options)
  local self = setmetatable({ options = options or {}, folder = posix.folder() }, redis)
  self.holder, self.port = posix.listen(nil) -- so that the port stays ours
  self.socket = self.folder .. "/s"
  self.url = "redis://127.0.0.1:" .. self.port
  self.unix_url = "redis+unix://" .. self.socket
  servers[#servers + 1] = self
  self:again()
  return self
end

-- True when it answers.
function redis:alive()
  local c = http.try_connect(self.port, { within = 500 })
  if not c then
    return false
  end
  c:send "PING\r\n"
  local ok = c:more(posix.now() + 500 * wait.slack) and c.buffer ~= ""
  c:close()
  return ok
end

-- Starts it (again), with nothing in it. `unready`: does not wait until it answers.
function redis:again(unready)
  local command = { places.checkout .. "/tests/support/servers.sh", "redis", self.folder, tostring(self.port),
    "--enable-debug-command", "yes", "--maxclients", "1000" }
  if self.options.password then
    command[#command + 1], command[#command + 2] = "--requirepass", self.options.password
  end
  for _, argument in ipairs(self.options.arguments or {}) do
    command[#command + 1] = argument
  end
  self.process = process.start(command)
  if not unready then
    assert(wait.till(function() return self:alive() end, 10000), "redis-server does not start")
  end
end

function redis:kill()
  self.process:kill()
end

function redis:stall()
  self.process:signal(posix.SIGSTOP)
end

function redis:go_on()
  self.process:signal(posix.SIGCONT)
end

-- What redis-cli prints for a command, without the last line's end.
function redis:cli(...)
  local code, out, err = process.run({ "/usr/bin/redis-cli", "-p", tostring(self.port), ... },
    { env = { REDISCLI_AUTH = self.options.password } })
  assert(code == 0, err)
  return (out:gsub("\n$", ""))
end

-- The number after `name:` in INFO.
function redis:info(name)
  return tonumber(self:cli("info"):match(name .. ":(%d+)"))
end

function redis.clean()
  for _, one in ipairs(servers) do
    one:go_on()
    one:kill()
    posix.close(one.holder)
    os.execute(("rm -rf '%s'"):format(one.folder))
  end
  servers = {}
end

return redis
