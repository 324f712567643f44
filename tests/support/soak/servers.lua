-- The gateway of a soak and what stands behind it, each of which can be taken away and brought back.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local gauge = require "support.soak.gauge"
local places = require "support.places"
local posix = require "support.posix"
local postgres = require "support.postgres"
local process = require "support.process"
local redis = require "support.redis"
local wait = require "support.wait"

local servers = {}
servers.__index = servers

local SOURCE = places.checkout .. "/tests/support/soak/site"

local function run(...)
  local code, out, err = process.run({ ... }, { within = 60000 })
  assert(code == 0, out .. err)
  return out
end

-- The text of a page, by its number.
function servers.page(number)
  return ("page %d\n"):format(number):rep(number * number * 40)
end

local function furnish(folder, with_postgres)
  run("/bin/cp", "-r", SOURCE .. "/.", folder)
  if not with_postgres then
    os.remove(folder .. "/people.lua")
  end
  local pages = {}
  for number = 1, 9 do
    pages[("pages/%d.txt"):format(number)] = servers.page(number)
  end
  gateway.folder(pages, folder)
  run("/usr/bin/sqlite3", folder .. "/lite.db", [[pragma journal_mode = wal;
    create table once (id text primary key, n int); create table seed (id int);
    insert into seed values (1), (2), (3);]])
end

-- options: postgres (false: without), workers.
function servers.start(options)
  local self = setmetatable({}, servers)
  local holder, port = posix.listen(nil) -- so that the port stays ours while nobody listens
  self.holder = holder
  self.users = faultd.start(port)
  self.socket_folder = posix.folder()
  self.orders = faultd.start(self.socket_folder .. "/orders")
  self.cache = redis.start()
  if options.postgres ~= false then
    self.crm = postgres.start()
    self.crm:sql "create table once (id text primary key, n int)"
  end
  self.folder = gateway.folder {}
  furnish(self.folder, self.crm)
  self.gateway = gateway.start(self.folder, {
    workers = 2, files = 2000,
    env = { SOAK_USERS = self.users.url, SOAK_ORDERS = self.orders.url, SOAK_CACHE = self.cache.url,
      SOAK_CRM = self.crm and self.crm:url() or "" },
  })
  self.port = self.gateway.port
  return self
end

-- The process that serves, below its supervisor; nil while there is none.
function servers:server()
  return self.gateway:server_pid()
end

-- Everything that it has written to its log since it was last asked.
function servers:log_lines()
  self.log = self.log or io.open(self.gateway.process.folder .. "/err", "rb")
  local lines = {}
  if self.log then
    self.log:seek("set", self.log_at or 0)
    local text = self.log:read "*a" or ""
    local whole = text:match "^.*\n" or ""
    self.log_at = (self.log_at or 0) + #whole
    for line in whole:gmatch "[^\n]+" do
      lines[#lines + 1] = line
    end
  end
  return lines
end

-- Cuts all connections between the gateway and what is behind it, so that what it holds can be
-- compared: descriptors and threads, once nothing has changed for `calm` ms. A process that is stopped
-- changes nothing either: what is compared with `before` has time to come down to that.
function servers:rest(calm, before)
  for _, one in ipairs { self.users, self.orders } do
    one:stop()
    one:again()
  end
  self.cache:cli("client", "kill", "type", "normal")
  if self.crm then
    self.crm:psql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where datname = '"
      .. self.crm.database .. "'")
  end
  local last, since = nil, wait.now()
  wait.till(function()
    local pid = self:server()
    local fds = gauge.fds(pid)
    if fds ~= last then
      last, since = fds, wait.now()
    end
    local down = not before or (fds and fds <= before.fds + gauge.FDS_MORE and gauge.threads(pid) <= before.threads)
    return down and wait.now() - since > calm
  end, 8000)
  local pid = self:server()
  return { fds = last, threads = gauge.threads(pid), rss = gauge.rss(pid), kinds = gauge.kinds(pid) }
end

-- Ends all of it. The gateway's exit code and whether it had ended by itself in time.
function servers:stop()
  local ok, why = pcall(gateway.clean)
  faultd.clean()
  redis.clean()
  postgres.clean()
  posix.close(self.holder)
  os.execute(("rm -rf '%s'"):format(self.socket_folder))
  if self.log then
    self.log:close()
  end
  return ok, why
end

return servers
