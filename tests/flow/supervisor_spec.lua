-- The process above the server process: what ends that ends no connection that was not in its hands,
-- and from outside both are one.
local core = require "support.core"
local faultd = require "support.faultd"
local ffi = require "ffi"
local figure = require "support.figure"
local freeze = require "support.freeze"
local gateway = require "support.gateway"
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local process = require "support.process"
local wait = require "support.wait"

local routes = [[
  local gate = require "moongate"
  local backend = gate.service "backend"
  gate.get("/ok", function() return "ok" end)
  gate.get("/soon", { calls = { c = backend:get "/delay/20/ok" } })
  local holder = gate.service "holder"
  gate.get("/nap", function() holder:get("/held/ok"):wait() return "rested" end)
]]

local backend, holder

local function start(options, more, limits)
  options, limits = options or {}, limits or {}
  options.workers, limits.linger = options.workers or 2, "50ms" -- so that it ends sooner
  return gateway.start({
    ["gateway.lua"] = { services = { backend = backend.url, holder = holder.url }, limits = limits },
    ["routes.lua"] = routes .. (more or ""),
  }, options)
end

-- How often `pattern` is in the log, waiting for `count` of them.
local function logged(g, pattern, count)
  local found
  wait.till(function()
    found = select(2, g:log():gsub(pattern, ""))
    return found >= (count or 1)
  end, 20000)
  return found
end

-- Ends the server process by a signal; returns the number that it had.
local function strike(g, signal)
  local pid = g:server_pid()
  posix.kill(pid, signal or posix.SIGKILL)
  return pid
end

-- The server process that follows `last`, once it serves.
local function successor(g, last)
  return wait.till(function()
    local pid = g:server_pid()
    return pid and pid ~= last and g:log():find(("server process %d serves"):format(pid), 1, true) and pid
  end, 20000)
end

local function is_gone(pid)
  return wait.till(function() return not process.lives(pid) end, 20000)
end

-- Waits until the holder holds so many requests.
local function held(count)
  assert.equal(count, holder:record_when(function(record) return record.in_flight == count end, 10000).in_flight)
end

-- A connection whose request for /nap is in work, until holder:release().
local function napper(g)
  local c = g:connect()
  c:send(http.request "/nap")
  held(1)
  return c
end

-- What waits until the server process has begun to end: then, connections without a request are closed.
local function idler(g)
  local c = g:connect()
  assert.equal("ok", c:ask("/ok").body)
  return function() assert.equal("closed", (c:ending())) end
end

-- Tells the supervisor, in the server process's name, that a worker of it is stuck. False: we may not.
local function say_stuck(g)
  local fd = posix.packets_of(g:server_pid())
  if not fd then
    pending "descriptors of another process cannot be had here"
    return false
  end
  core.cdef "gateway/control.h"
  core.C.mg_control_stuck(ffi.new("struct mg_control", { fd = fd }))
  posix.close(fd)
  return true
end

setup(function() backend, holder = faultd.start(), faultd.start() end)
teardown(faultd.clean)

describe("a server process that dies", function()
  after_each(gateway.clean)

  it("is followed at once, and refuses nobody, five times under load", function()
    local g = start()
    local refused, lost, served, stop = 0, {}, 0, false
    -- Half of them come anew for each request. A request is lost when it was in the process's hands:
    -- at most one of each client.
    local function client(i)
      local c
      while not stop do
        c = c or http.try_connect(g.port)
        if not c then
          refused = refused + 1
          return
        end
        local reply = c:ask(i % 3 == 0 and "/soon" or "/ok", { within = 20000 })
        if reply and reply.status == 200 then
          served = served + 1
        else
          lost[i] = (lost[i] or 0) + 1
        end
        if not reply or i % 2 == 0 then
          c:close()
          c = nil
        end
      end
    end
    local clients = {}
    for i = 1, 12 do
      clients[i] = function() client(i) end
    end
    clients[#clients + 1] = function()
      local last
      for i = 1, 5 do
        wait.sleep(20)
        wait.till(function() return served > 12 * i end, 20000)
        last = strike(g)
        successor(g, last)
      end
      stop = true
    end
    wait.at_once(clients)
    figure.is(36, "connections refused while its server process was killed 5 times", refused, 0)
    local all, worst = 0, 0
    for _, count in pairs(lost) do
      all, worst = all + count, math.max(worst, count)
    end
    assert.is_true(worst <= 5, worst .. " of one client")
    assert.is_true(served > 50, served .. " served")
    assert.equal(5, logged(g, "was ended by signal 9 %(Killed%): the next one starts at once", 5))
    local least = math.huge
    for ms in g:log():gmatch "serves, after (%d+) ms" do
      least = math.min(least, tonumber(ms))
      figure.ms(36, "to the next server process", tonumber(ms), 200)
    end
    assert.is_true(least < 2000 * wait.slack, g:log()) -- the machine has other things to do, too

    -- Again and again: it waits, who comes meanwhile waits, too, and SIGTERM waits for nothing.
    local last = strike(g)
    assert.equal(1, logged(g, "the next one starts in 100 ms"))
    local c = http.connect(g.port)
    assert.equal("ok", c:ask("/ok", { within = 20000 }).body)
    c:close()
    assert.is_truthy(successor(g, last))
    strike(g)
    assert.equal(1, logged(g, "the next one starts in 200 ms"))
    g:stop()
  end)

  it("leaves the file of its socket to the next one", function()
    local folder = posix.folder()
    local path = folder .. "/gate.sock"
    local g = start { listen = "unix:" .. path }
    local last = strike(g)
    assert.equal("ok", http.get(nil, "/ok", { host = path, within = 20000 }).body)
    assert.is_truthy(successor(g, last))
    assert.equal("ok", http.get(nil, "/ok", { host = path }).body)
    g:stop()
    assert.equal(0, os.execute("rmdir " .. folder)) -- nothing is left in it
  end)

  it("is followed by one with the sockets that were given from outside", function()
    local fd, port
    repeat -- its number is none that the child is to have
      fd, port = posix.listen(100)
    until fd > 9
    local folder = gateway.folder { ["routes.lua"] = [[require("moongate").get("/ok", { reply = 1 })]] }
    local child = process.start({ "/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"', places.build .. "/moongate",
      "serve", folder, "--workers", "2" }, { fds = { [3] = fd } })
    assert.is_truthy(child:expect "listening on")
    for _ = 1, 2 do
      posix.kill(process.newest_below(child.pid), posix.SIGKILL)
      assert.equal(200, http.get(port, "/ok", { within = 20000 }).status)
    end
    child:signal(posix.SIGTERM)
    assert.equal(0, child:wait())
    posix.close(fd)
  end)
end)

describe("a server process that does not come to serve", function()
  after_each(gateway.clean)

  it("ends all when it is the first, with the number of the signal", function()
    local folder = gateway.folder { ["gateway.lua"] = "for _ = 1, 1e10 do end return {}" }
    local child = process.start { places.build .. "/moongate", "serve", folder, "--listen", "127.0.0.1:0" }
    local pid = wait.till(function()
      local newest = process.newest_below(child.pid)
      return newest ~= child.pid and newest
    end, 10000)
    posix.kill(pid, posix.SIGKILL)
    assert.equal(128 + posix.SIGKILL, child:wait())
    assert.is_truthy(child:err():find("was ended by signal 9", 1, true), child:err())
  end)

  it("is tried again when another has served, and who has come meanwhile waits", function()
    local g = start()
    g:write { ["routes.lua"] = "this is no Lua" }
    assert.equal(1, logged(g, "does not load: the routes stay as they were"))
    strike(g)
    assert.is_true(logged(g, "ended with code 1: the next one starts at once", 2) >= 2)
    local c = g:connect()
    c:send(http.request "/ok")
    g:write { ["routes.new"] = routes } -- which nobody sees half written
    os.rename(g.dir .. "/routes.new", g.dir .. "/routes.lua")
    assert.equal("ok", c:read { within = 20000 }.body)
    c:close()
  end)
end)

describe("a supervisor and its server process", function()
  after_each(gateway.clean)

  it("end as one, whichever of them is told to", function()
    for _, whom in ipairs { "both", "server" } do
      local g = start()
      local c, ends = napper(g), idler(g)
      if whom == "both" then
        g.process:signal(posix.SIGINT)
      end
      posix.kill(g.pid, posix.SIGINT)
      ends()
      holder:release()
      assert.equal("rested", c:read().body)
      c:close()
      g.stopped = true
      assert.equal(0, g.process:wait())
      assert.equal("", g:log())
    end
  end)

  it("are not alone: the server process ends when the supervisor is killed, its requests answered", function()
    local g = start()
    local c, ends = napper(g), idler(g)
    g.stopped = true
    g.process:signal(posix.SIGKILL)
    ends()
    holder:release()
    assert.equal("rested", c:read().body)
    c:close()
    g.process:wait()
    assert.is_truthy(is_gone(g.pid))
    assert.is_truthy(wait.till(function() -- its last thread may still be about to end
      local other, why = http.try_connect(g.port)
      if other then
        other:close()
      end
      return why == "refused"
    end, 10000))
  end)

  it("tell a service manager how it goes", function()
    local folder = posix.folder()
    local fd = posix.datagrams(folder .. "/notify")
    local function told()
      assert.is_true(wait.readable(fd, posix.now() + 10000 * wait.slack))
      return posix.read(fd)
    end
    local g = start { env = { NOTIFY_SOCKET = folder .. "/notify" } }
    assert.equal("READY=1", told())
    g.process:signal(posix.SIGHUP)
    assert.is_truthy(told():find "^RELOADING=1\nMONOTONIC_USEC=%d+$")
    assert.equal("READY=1", told())
    strike(g)
    assert.equal("READY=1", told())
    g.process:signal(posix.SIGTERM)
    assert.equal("STOPPING=1", told())
    g:stop()
    posix.close(fd)
    os.execute("rm -r " .. folder)
  end)

  it("may have other children", function()
    local g = start { before = { "/bin/sh", "-c", 'sleep 0.05 & exec "$0" "$@"' } }
    assert.is_truthy(wait.till(function() return #process.children(g.process.pid) == 1 end, 10000))
    assert.equal("ok", g:get("/ok").body)
  end)

  it("may be the first of a container: orphans are taken care of, and signals heard", function()
    local alone = { "/usr/bin/unshare", "-Urpf", "--mount-proc" }
    if process.run { alone[1], alone[2], alone[3], "/bin/true" } ~= 0 then
      return pending "the machine gives no namespaces"
    end
    local g = start { before = { alone[1], alone[2], alone[3], "/bin/sh", "-c", '(sleep 0.05 &); exec "$0" "$@"' } }
    local first = process.children(g.process.pid)[1]
    assert.is_truthy(wait.till(function() return #process.children(first) == 1 end, 10000))
    strike(g)
    assert.equal("ok", g:get("/ok", { within = 20000 }).body)
    posix.kill(first, posix.SIGTERM)
    g.stopped = true
    assert.equal(0, g.process:wait())
  end)
end)

describe("a server process that hangs", function()
  after_each(gateway.clean)

  it("is followed while it lives; what it has begun is finished, and no task or time is run by both", function()
    local g = start({}, [[
      local work = gate.task("work", { tries = 2 }, function()
        holder:get("/held/ok"):wait()
        return { gate.shared("hits"):incr "runs" }
      end)
      gate.post("/job", function() return work:start {} end)
      work:routes(gate)
      gate.every("100ms", "one", function() backend:get("/delay/300/ok"):wait() end)
    ]])
    local first = g.pid
    local c = napper(g)
    backend:reset()
    assert.is_truthy(wait.till(function() return backend:record().in_flight == 1 end, 10000))
    local id = g:post("/job").body
    held(2)
    assert.equal("running", g:get("/" .. id):json().state)
    if not say_stuck(g) then
      return holder:release()
    end
    local second = successor(g, first)
    assert.is_truthy(second, g:log())
    holder:release()
    assert.equal("rested", c:read().body)
    c:close()
    assert.equal("ok", g:get("/ok").body)
    assert.is_truthy(is_gone(first))
    local reply
    assert.is_truthy(wait.till(function()
      reply = g:get("/" .. id)
      return reply.status == 200
    end, 10000), reply.body)
    assert.same({ "done", 1 }, { reply:json().state, reply:json().tried })
    local runs = backend:record().requests
    assert.is_truthy(wait.till(function() return backend:record().requests > runs end, 10000))
    assert.equal(1, backend:record().in_flight_most)
    assert.equal(1, logged(g, "has a worker that is stuck: another one takes its place"))
    assert.equal(second, g:server_pid())
    g:stop()
  end)

  it("because of one worker is followed, and ends when that turns again", function()
    local frozen, why
    local function try()
      local g = start({}, nil, { stuck = "100ms", hung = "500ms" })
      local first = g.pid
      frozen, why = freeze.thread(first, "worker 1")
      if not frozen then
        return
      end
      assert.is_truthy(successor(g, first), g:log())
      for _ = 1, 20 do
        assert.equal("ok", g:get("/ok").body)
      end
      assert.is_true(process.lives(first))
      frozen:thaw()
      assert.is_truthy(is_gone(first))
      assert.equal(1, logged(g, "has a worker that is stuck: another one takes its place"))
    end
    wait.in_time(function() -- a machine that stops another thread for as long has that replaced, too
      local ok, problem = pcall(try)
      if frozen then
        frozen:thaw()
      end
      if not ok then
        error(problem, 0)
      end
    end)
    if not frozen then
      return pending("no thread can be stopped here: " .. why)
    end
  end)

  if figure.slow() then
    it("altogether is followed, too, and killed when its time is over", function()
      local g = start()
      local c = g:connect()
      assert.equal("ok", c:ask("/ok").body)
      posix.kill(g.pid, posix.SIGSTOP)
      assert.is_truthy(successor(g, g.pid), g:log())
      assert.equal("ok", g:get("/ok").body)
      assert.is_truthy(is_gone(g.pid))
      assert.equal(1, logged(g, "does not answer: another one takes its place"))
      assert.equal(1, logged(g, "has had its time to end: it is killed"))
      c:close()
      g:stop()
    end)

    it("is not one that was stopped together with its supervisor", function()
      local g = start()
      for _, signal in ipairs { posix.SIGSTOP, posix.SIGCONT } do
        g.process:signal(signal)
        posix.kill(g.pid, signal)
        wait.sleep(6000)
      end
      assert.equal(g.pid, g:server_pid())
      assert.equal("", g:log())
    end)
  end
end)
