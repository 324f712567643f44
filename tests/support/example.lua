-- The gateways of routes/ and examples/ as examples/run serves them, on a copy, with ports of their
-- own: local run = example.start "examples/thread-pool"; run:get "/pool". example.clean ends all.
local gateway = require "support.gateway"
local lfs = require "lfs"
local places = require "support.places"
local postgres = require "support.postgres"
local process = require "support.process"
local redis = require "support.redis"
local slurp = require "support.slurp"

local example = {}

local function is(path, mode)
  return lfs.attributes(path, "mode") == mode
end

local function sh(command)
  local code, _, err = process.run { "/bin/sh", "-c", command }
  assert(code == 0, command .. ": " .. err)
end

-- The databases that a folder's .sql files make.
local function make_databases(folder)
  for name in lfs.dir(folder) do
    local base = name:match "^(.*)%.sql$"
    if base then
      sh(("cd '%s' && sqlite3 -bail %s.db < %s.sql"):format(folder, base, base))
    end
  end
end

-- Starts the gateways in backends/; where they listen, and their ports, by the variables that
-- gateway.lua reads.
local function start_backends(folder)
  local env, ports = {}, {}
  if not is(folder .. "/backends", "directory") then
    return env, ports
  end
  for name in lfs.dir(folder .. "/backends") do
    local backend = folder .. "/backends/" .. name
    if not name:find "^%." and is(backend .. "/gateway.lua", "file") then
      make_databases(backend)
      local one = gateway.start(backend, { workers = 1 })
      env[name:upper()], ports[name:upper()] = one.url, one.port
    end
  end
  return env, ports
end

-- Starts the servers in servers/; where they are, by the same variables.
local function start_servers(folder, env)
  local servers = {}
  local sql, commands = folder .. "/servers/postgres.sql", folder .. "/servers/redis"
  if is(sql, "file") then
    local server = postgres.start()
    server:sql(slurp(sql))
    env.POSTGRES, servers.postgres = server:url(), server
  end
  if is(commands, "file") then
    local server = redis.start()
    sh(("redis-cli -e -p %d < '%s'"):format(server.port, commands))
    env.REDIS, servers.redis = server.url, server
  end
  return servers
end

-- Starts one, `path` being its folder in the checkout; options as of gateway.start,
-- and patient: all that has a time has as much of it as a busy machine takes. Has `ports` of its backends,
-- run.ports.BANK, and `servers`: run.servers.redis.
function example.start(path, options)
  options = options or {}
  local folder = gateway.folder {}
  sh(("rm -f '%s'/*; cp -R '%s/%s/.' '%s' && find '%s' -name '*.db*' -delete"):format(folder,
    places.checkout, path, folder, folder))
  if options.patient then
    sh(("sed -i 's/within *= \"[0-9]*m*s\"/within = \"5s\"/' '%s'/*.lua"):format(folder))
  end
  make_databases(folder)
  local ports
  options.env, ports = start_backends(folder)
  local servers = start_servers(folder, options.env)
  local run = gateway.start(folder, options)
  run.ports, run.servers = ports, servers
  return run
end

-- Ends all that was started.
function example.clean()
  gateway.clean()
  postgres.clean()
  redis.clean()
end

-- The folders that examples/run can serve.
function example.folders()
  local folders = { "routes" }
  for name in lfs.dir(places.checkout .. "/examples") do
    if is(places.checkout .. "/examples/" .. name .. "/gateway.lua", "file") then
      folders[#folders + 1] = "examples/" .. name
    end
  end
  table.sort(folders)
  return folders
end

return example
