-- A PostgreSQL server of the tests' own, of Debian's package, on 127.0.0.1 and in a folder for unix
-- sockets:
--   local server = postgres.start()
--   ... databases = { crm = server:url() } ... server:sql "create table t (id int)"
-- Its files are made once in a run of the tests (initdb takes seconds); each server has a copy of
-- them, so that specs can run at once. after_each or teardown(postgres.clean) stops it; it also ends
-- when the process that started it does.
local gateway = require "support.gateway"
local places = require "support.places"
local posix = require "support.posix"
local process = require "support.process"
local wait = require "support.wait"

local postgres = {}
postgres.__index = postgres
local running

local function shell(format, ...)
  local command = format:format(...)
  assert(os.execute("{ " .. command .. "; } >/dev/null 2>&1"), command)
end

local SERVERS = places.checkout .. "/tests/support/servers.sh"

local function exists(path)
  local file = io.open(path)
  if file then
    file:close()
  end
  return file ~= nil
end

local function make(folder)
  local code, out, err = process.run({ SERVERS, "make-postgres", folder }, { within = 60000 })
  assert(code == 0, out .. err)
  -- For specs that speak TLS: it is off until they ask for it.
  shell([[openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -keyout '%s/data/server.key' -out '%s/data/server.crt' && chmod 600 '%s/data/server.key']], folder, folder, folder)
  shell("chown --reference='%s/data/PG_VERSION' '%s/data/server.key' '%s/data/server.crt'", folder, folder, folder)
  shell([[printf 'host all locked 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n' \
    > '%s/data/pg_hba.conf' && touch '%s/made']], folder, folder)
end

-- A folder with a new server's files in it.
local function new_folder()
  local own, run = posix.folder(), os.getenv "TMPDIR"
  if not run then
    make(own)
    return own
  end
  local first = run .. "/postgres"
  local lock = assert(posix.lock(first .. ".lock")) -- another spec may be making them right now
  if not exists(first .. "/made") then
    make(first)
  end
  posix.close(lock)
  shell("cp -a '%s/data' '%s' && chown --reference='%s' '%s' && chmod 755 '%s'", first, own, first, own, own)
  return own
end

-- Starts its process; raises when it is not ready in time.
function postgres:up()
  local command = { SERVERS, "postgres", self.folder, tostring(self.port), "-c", "autovacuum=off" }
  for _ = 1, 200 do -- what was killed holds its shared memory for a moment longer
    self.process = process.start(command)
    local ready = wait.till(function()
      local fd = posix.connect("127.0.0.1", self.port)
      local up = fd and wait.writable(fd, posix.now() + 1000) and not posix.socket_error(fd)
      if fd then
        posix.close(fd)
      end
      return up or self.process:wait(0)
    end, 20000)
    if ready == true then
      return
    end
    self.process:kill()
    wait.sleep(10)
  end
  error("PostgreSQL does not start: " .. self.process:err())
end

function postgres.start()
  assert(not running, "one server at a time")
  math.randomseed(posix.now() * 1000 % 2 ^ 31)
  local self = setmetatable({ folder = new_folder() }, postgres)
  self.holder, self.port = posix.listen(nil) -- so that the port stays ours
  running = self
  self:up()
  self.database = ("t%d"):format(math.random(1e9))
  assert(wait.till(function() -- it takes connections a moment before it is ready for them
    return self:psql("postgres", "select 1") == "1"
  end, 20000), "PostgreSQL is not ready")
  assert(self:psql("postgres", "create database " .. self.database))
  return self
end

-- The URL of its database; `more`: another user with password, parameters.
function postgres:url(more)
  more = more or {}
  return ("postgres://%s@127.0.0.1:%d/%s%s"):format(more.user or "app", self.port, self.database,
    more.query and "?" .. more.query or "")
end

-- The same, by its unix socket.
function postgres:socket_url()
  return ("postgres://app@/%s?host=%s&port=%d"):format(self.database, self.folder, self.port)
end

-- A gateway whose routes `body` declares, with the databases `crm`, this one, and `lite`, of SQLite.
-- options: of crm. more: limits and workers (1) of the gateway.
function postgres:serve(body, options, more)
  local crm = { url = self:url() }
  for key, value in pairs(options or {}) do
    crm[key] = value
  end
  return gateway.start({
    ["gateway.lua"] = { databases = { crm = crm, lite = "sqlite:lite.db" }, limits = more and more.limits },
    ["routes.lua"] = [[
      local gate = require "moongate"
      local crm, lite = gate.database "crm", gate.database "lite"
]] .. body,
  }, { workers = more and more.workers or 1 })
end

-- Runs SQL with psql: its output, or nil and what it says.
function postgres:psql(database, sql)
  local code, out, err = process.run({ "/usr/bin/psql", "-h", "127.0.0.1", "-p", tostring(self.port),
    "-U", "app", "-d", database, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql }, { within = 20000 })
  if code ~= 0 then
    return nil, err
  end
  return (out:gsub("\n$", ""))
end

function postgres:sql(sql)
  local out, why = self:psql(self.database, sql)
  return out or error(why, 2)
end

-- How many connections there are to its database; with an SQL pattern, how many of them are at work
-- on a query like that.
function postgres:count(pattern)
  local which = pattern and (" and state = 'active' and query like '%s'"):format(pattern) or ""
  return tonumber(self:psql("postgres", ("select count(*) from pg_stat_activity where datname = '%s'%s")
    :format(self.database, which)))
end

function postgres:signal(number) -- to the process that takes connections
  self.process:signal(number)
end

function postgres:kill() -- as a crash of the machine would
  self.process:kill()
end

function postgres:stop()
  self.process:signal(posix.SIGINT) -- "fast": clients are cut
  if not self.process:wait(20000) then
    self.process:kill()
  end
end

function postgres.clean()
  local server = running
  running = nil
  if server then
    server:stop()
    posix.close(server.holder)
    os.execute(("rm -rf '%s'"):format(server.folder))
  end
end

postgres.slow = places.sanitize ~= "" -- specs do less then, and say so

return postgres
