-- The faults of a soak. Each is { name, run }: run(run, random) makes it happen, waits, and undoes it; it
-- writes into the ledger when it begins and ends, and which losses it may explain. The order in which
-- they come, and what each of them draws, hangs on the seed alone.
local ffi = require "ffi"
local http = require "support.http"
local posix = require "support.posix"
local process = require "support.process"
local random = require "support.soak.random"
local wait = require "support.wait"

ffi.cdef [[
struct soak_limit { unsigned long now, most; };
int prlimit(int pid, int resource, const struct soak_limit *set, struct soak_limit *old);
]]

local faults = {}

local function set(words)
  local all = {}
  for word in words:gmatch "%S+" do
    all[word] = true
  end
  return all
end

-- The services that a backend is, by the names of calls.
local BEHIND = { users = set "users curled common", orders = set "orders" }

-- What goes over libcurl.
local LAX = set "template function carried long"

-- Losses whose failed calls all are of these backends, and failed in one of these ways.
local function calls_fail(loss, backends, kinds)
  local some = false
  for name, kind in pairs(loss.calls or {}) do
    local backend = name:match "^%a+"
    if backend == "pass" then
      backend = loss.ask.passed
    end
    if not backends[backend] or not (kinds[kind] or kind == "any") then
      return false
    end
    some = true
  end
  return some
end

-- What a backend may do to requests: its calls fail; an answer that is passed on is cut, or (`content`)
-- is another than it should be.
local function backend_fails(backends, kinds, more)
  kinds = set(kinds)
  more = more or {}
  return function(loss)
    if more.unsafe and not loss.ask.unsafe then
      return false
    elseif loss.form == "status" or loss.form == "partial" then
      return calls_fail(loss, backends, kinds) or (more.content and loss.status and backends[loss.ask.passed] and true)
    end
    if more.lax and loss.form == "content" and LAX[loss.ask.name] then
      return true
    end
    -- Cut is also what has failed before its head was on its way.
    return backends[loss.ask.passed]
      and (loss.form == "cut" or loss.form == "none" or (more.content and loss.form == "content"))
  end
end

local function out_of_time(loss)
  return loss.ask.soon and loss.form == "status" and loss.status == 504
end

-- Where a host takes the processor away, that is a thread's CPU time as well.
local function overran(loss)
  return loss.status == 500 and type(loss.reply) == "table"
    and loss.reply.body:find("the route's script took too long", 1, true) ~= nil
end

-- A worker whose requests had waited for too long refuses what it cannot do at once.
local function overloaded(loss)
  return loss.status == 503 and type(loss.reply) == "table"
    and loss.reply.body:find("the gateway has more to do than it can", 1, true) ~= nil
end

-- What a machine that is busy with other things may do: calls that are refused as they could not be done
-- in time, those that have little time, scripts that had no processor, and early refusals.
function faults.slow_machine(loss)
  local busy = (loss.form == "status" or loss.form == "partial") and next(loss.calls) ~= nil
  for _, kind in pairs(loss.calls or {}) do
    busy = busy and kind == "busy"
  end
  return busy or out_of_time(loss) or overran(loss) or overloaded(loss)
end

local function during(run, name, options, ms, act, undo)
  local fault = run.ledger:fault(name, options)
  local still = act()
  wait.sleep(ms)
  if undo then
    undo(still)
  end
  fault.over()
end

-- Moods of a backend: { what it answers, the kinds of failure that this is, content, lax }. lax: libcurl
-- reads on behind what is no number in a chunk's size, and so believes the answer.
local MOODS = {
  { "hang", "timeout" }, { "reset/0", "reset" }, { "reset/40", "reset malformed" }, { "reset/80", "reset malformed" },
  { "cut/0", "reset malformed" }, { "cut/50", "reset malformed" }, { "cut/80", "reset malformed" },
  { "die/chunked/2000", "reset malformed", true }, { "drip/400", "timeout", true }, { "drip/head/300", "timeout" },
  { "garbage/0", "malformed reset" }, { "garbage/1", "malformed reset" }, { "garbage/2", "malformed reset" },
  { "garbage/3", "malformed reset" }, { "garbage/4", "malformed reset" },
  { "length/short", "reset malformed" }, { "length/long", "malformed", true }, { "length/dup", "malformed" },
  { "length/negative", "malformed" }, { "length/junk", "malformed" }, { "chunk/bad", "malformed reset", true, true },
  { "chunk/cut", "reset malformed" }, { "chunk/noend", "timeout" }, { "noend", "timeout" },
  { "status/500", "status", true }, { "status/503", "status", true }, { "big/1500000", "too_large", true },
  { "bigchunk/1500000", "too_large", true }, { "header/huge/100000", "too_large malformed" },
  { "header/many/2000", "too_large malformed" }, { "redirect?to=/ok", "status", true },
}

local function mood(which)
  return function(run, draw)
    local backend = run.servers[which]
    local one = MOODS[draw(#MOODS)]
    during(run, ("%s answers /%s"):format(which, one[1]), {
      explains = backend_fails(BEHIND[which], one[2] .. " reset", { content = one[3], lax = one[4] }), after = 250 },
      100 + draw(one[1]:find "^big" and 150 or 900),
      function() backend:mood("/to/" .. one[1]) end, function() backend:mood "" end)
  end
end

-- Answers as it should, but its connections end sooner than anybody was told. What must not be sent
-- twice may be lost then, nothing else.
local function closes(which, how)
  return function(run, draw)
    local backend = run.servers[which]
    local lost = backend_fails(BEHIND[which], "reset", { unsafe = true })
    during(run, ("%s closes connections: %s"):format(which, how), { explains = how ~= "close" and lost, after = 4000 },
      300 + draw(900), function() backend:mood("/then/" .. how) end, function() backend:mood "" end)
  end
end

local function killed(which)
  return function(run, draw)
    local backend = run.servers[which]
    during(run, which .. " is killed", { explains = backend_fails(BEHIND[which], "refused reset"), after = 300 },
      draw(1500) - 1, function() backend:stop() end, function() backend:again() end)
  end
end

local function stopped(which)
  return function(run, draw)
    local one = run.servers[which].process
    during(run, which .. " stands still", { explains = out_of_time, after = 300 }, 200 + draw(800),
      function() one:signal(posix.SIGSTOP) end, function() one:signal(posix.SIGCONT) end)
  end
end

-- Connections that do nothing, or not what they should.
local function crowd(count, name, each)
  return function(run, draw)
    during(run, name, { explains = faults.slow_machine }, 300 + draw(1000), function()
      local all = {}
      for i = 1, count do
        local c = http.try_connect(run.port())
        if c then
          each(c, draw, i)
          all[#all + 1] = c
        end
      end
      return all
    end, function(all)
      for _, c in ipairs(all) do
        if draw(2) == 1 then
          c:reset()
        else
          c:close()
        end
      end
    end)
  end
end

local function version(text)
  return ('local gate = require "moongate"\ngate.get("/version", function() return %q end)\n'):format(text)
end

-- Waits until the gateway answers with that version; if it does not, that is a loss as well.
local function becomes(run, text, within)
  local from, reply = posix.now(), nil
  local ok = wait.till(function()
    local c = http.try_connect(run.port())
    reply = c and c:ask "/version"
    if c then
      c:close()
    end
    return reply and reply.body == text
  end, within)
  if not ok then
    run.ledger:lost { form = "reload", what = "version " .. text .. " does not come", ask = { name = "reload" },
      from = from, to = posix.now(), request = "GET /version", reply = reply }
  end
end

local function reload(run, _, within)
  run.state.version = (run.state.version or 1) + 1
  local text = tostring(run.state.version)
  during(run, "version.lua is saved", nil, 0, function() run.servers.gateway:write { ["version.lua"] = version(text) } end)
  becomes(run, text, within or 5000)
end

local function broken(run, draw)
  local texts = { "local x = ", 'require("moongate").get("/version", { replly = 1 })', 'error "no"',
    'require("moongate").get("/none/{id}", function() end)', "while true do end" }
  during(run, "version.lua is saved with an error", nil, 400, function()
    run.servers.gateway:write { ["version.lua"] = texts[draw(#texts)] }
  end)
  reload(run, draw, 30000) -- files that do not end have limits.load, 5 s of CPU time, first
end

local function hangups(run, draw)
  during(run, "SIGHUP", nil, 100, function()
    for _ = 1, draw(5) do
      run.servers.gateway.process:signal(posix.SIGHUP)
      wait.sleep(draw(60))
    end
  end)
end

local function modules(run, draw)
  local path = run.servers.folder .. "/lib/score.lua"
  during(run, "all files are saved, a new one comes and goes", nil, 100 + draw(200), function()
    os.execute(("touch '%s/calls.lua' '%s/functions.lua' && printf '\\n' >> '%s'"):format(run.servers.folder,
      run.servers.folder, path))
    run.servers.gateway:write { ["more/extra.lua"] = 'require("moongate").get("/extra", function() return "x" end)' }
  end, function() os.execute(("rm -r '%s/more'"):format(run.servers.folder)) end)
end

local REDIS = set "cache"

local function redis_killed(run, draw)
  local cache = run.servers.cache
  during(run, "Redis is killed", { explains = backend_fails(REDIS, "refused reset"), after = 1200 * wait.slack }, draw(1500),
    function() cache:kill() end, function() cache:again() end)
end

local function redis_cut(run, draw)
  during(run, "Redis cuts its connections", { explains = backend_fails(REDIS, "refused reset"), after = 1200 * wait.slack }, 0, function()
    for _ = 1, draw(4) do
      run.servers.cache:cli("client", "kill", "type", "normal")
      wait.sleep(draw(50))
    end
  end)
end

local POSTGRES = set "crm"

local function postgres_ends(name, act)
  return function(run, draw)
    local crm = run.servers.crm
    local restart = act ~= "cut"
    -- While it comes up it says no in words of its own: kind "sql"; and calls wait for a connection, more than may.
    during(run, name, { explains = backend_fails(POSTGRES, "refused reset sql timeout busy"), after = 1500 * wait.slack }, draw(1200),
      function()
        if act == "cut" then
          crm:psql("postgres", ("select pg_terminate_backend(pid) from pg_stat_activity where datname = '%s'"):format(crm.database))
        elseif act == "kill" then
          crm:kill()
        else
          crm:signal(3) -- "immediate"
          crm.process:wait(10000)
        end
      end, function()
        if restart then
          crm:up()
          wait.till(function() return crm:psql("postgres", "select 1") == "1" end, 20000)
        end
      end)
  end
end

-- Another program holds the database's write lock.
local function sqlite_held(run, draw)
  local seconds = (100 + draw(700)) / 1000
  during(run, "lite.db is locked for writing", { explains = backend_fails(set "lite", "sql timeout busy"), after = 500 }, 0, function()
    process.run({ "/usr/bin/sqlite3", run.servers.folder .. "/lite.db", "pragma busy_timeout = 2000", "begin immediate",
      (".shell sleep %.3f"):format(seconds), "rollback" }, { within = 10000 })
  end)
end

local NOFILE = 7

-- No descriptor is free: what needs one fails or waits. Those that have come in are served.
local function no_descriptors(run, draw)
  local pid = run.servers:server()
  local old = ffi.new "struct soak_limit"
  during(run, "no descriptor is free", {
    explains = function(loss)
      return loss.form == "partial" or (loss.form == "status" and loss.status >= 500)
    end, after = 1200 * wait.slack,
  }, 200 + draw(1000), function()
    if pid and ffi.C.prlimit(pid, NOFILE, nil, old) == 0 then
      ffi.C.prlimit(pid, NOFILE, ffi.new("struct soak_limit", 10, old.most), nil)
    end
  end, function()
    if pid and old.most > 0 then
      ffi.C.prlimit(pid, NOFILE, old, nil)
    end
  end)
end

local function paused(run, draw)
  local pid = run.servers:server()
  if not pid then
    return
  end
  during(run, "the gateway stands still", { explains = faults.slow_machine, after = 500 }, 100 + draw(400),
    function() posix.kill(pid, posix.SIGSTOP) end, function() posix.kill(pid, posix.SIGCONT) end)
end

-- More than the pool for computing can do in time; and scripts that use up their budgets, many at once.
local function ground(run, draw)
  during(run, "gate.compute is full", { explains = function(loss)
    return faults.slow_machine(loss) or calls_fail(loss, set "compute", set "timeout busy")
  end, after = 2500 }, 300, function()
    local all = {}
    for i = 1, 10 + draw(20) do
      local c = http.try_connect(run.port())
      if c then
        c:send(http.request("/grind/" .. i))
        all[#all + 1] = c
      end
    end
    return all
  end, function(all)
    for _, c in ipairs(all) do
      c:close()
    end
  end)
end

-- The process that serves is killed, and started anew: requests in work are lost, and connections;
-- nobody is refused, and nothing else is wrong. Only early in a run: the memory of the process that is
-- there then is what its end is compared with.
local function server_killed(run)
  local pid = run.servers:server()
  if not pid or posix.now() > run.settled then
    return
  end
  local fault = run.ledger:fault("the server process is killed", { after = 2000 * wait.slack })
  fault.killed = posix.now()
  fault.explains = function(loss)
    local cut = (loss.form == "none" or loss.form == "cut") and loss.opened and loss.opened <= fault.killed + 50
    return cut or faults.slow_machine(loss) or (loss.ask.name:find "^job" and (loss.form == "partial" or loss.status == 404))
  end
  posix.kill(pid, posix.SIGKILL)
  run.state.epoch, run.state.counted, run.state.numbers = run.state.epoch + 1, 0, {}
  wait.till(function()
    local other = run.servers:server()
    return other and other ~= pid
  end, 5000)
  fault.over()
end

local function twice(c, draw)
  c:send(("\r\n\r\nGET /none/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"):sub(1, draw(60)))
end

faults.all = {
  { "users' mood", mood "users" }, { "users' mood", mood "users" }, { "users' mood", mood "users" },
  { "orders' mood", mood "orders" }, { "orders' mood", mood "orders" }, { "orders' mood", mood "orders" },
  { "users closes", closes("users", "close") }, { "users closes", closes("users", "quiet") },
  { "users closes", closes("users", "stale") }, { "orders closes", closes("orders", "stale") },
  { "users is killed", killed "users" }, { "orders is killed", killed "orders" },
  { "users stands still", stopped "users" }, { "orders stands still", stopped "orders" },
  { "Redis is killed", redis_killed }, { "Redis cuts", redis_cut }, { "Redis stands still", stopped "cache" },
  { "PostgreSQL is killed", postgres_ends("PostgreSQL is killed", "kill"), needs = "crm" },
  { "PostgreSQL ends", postgres_ends("PostgreSQL ends at once", "immediate"), needs = "crm" },
  { "PostgreSQL cuts", postgres_ends("PostgreSQL cuts its connections", "cut"), needs = "crm" },
  { "SQLite is locked", sqlite_held },
  { "reload", reload }, { "reload with an error", broken }, { "SIGHUP", hangups }, { "reload of all", modules },
  { "crowd", crowd(400, "400 connections that say nothing", function() end) },
  { "crowd", crowd(200, "200 connections that begin a request", function(c) c:send "GET /none/ HTTP/1.1\r\nHost" end) },
  { "crowd", crowd(200, "200 connections that babble", twice) },
  { "no descriptors", no_descriptors }, { "pause", paused }, { "compute is full", ground },
  { "server killed", server_killed }, { "server killed", server_killed },
}

-- One after the other, in rounds that have each of them once, until the run is over.
function faults.go_on(run, seed)
  local draw = random.new(seed)
  while not run.over do
    for _, one in ipairs(random.shuffled(faults.all, draw)) do
      local pause, own = run.fault_pause + draw(run.fault_pause), random.new(draw(1000000))
      if not one.needs or run.servers[one.needs] then
        wait.sleep(pause)
        if run.over then
          return
        end
        one[2](run, own)
      end
    end
  end
end

return faults
