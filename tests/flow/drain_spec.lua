-- Being told to stop: what was begun is finished, nothing new is, and a second signal ends it.
local faultd = require "support.faultd"
local figure = require "support.figure"
local gateway = require "support.gateway"
local http = require "support.http"
local posix = require "support.posix"
local wait = require "support.wait"

local routes = [[
  local gate = require "moongate"
  local backend = gate.service "backend"
  gate.get("/ok", function() return "ok" end)
  gate.get("/slow", { calls = { c = backend:get "/held/ok" } })
  gate.post("/slow", { calls = { c = backend:post("/held/ok", { text = "{body}" }) } })
  gate.get("/nap", function() backend:get("/held/ok"):wait() return "rested" end)
  gate.get("/short", function() gate.sleep "60ms" return "rested" end)
  gate.get("/hang", { calls = { c = backend:get "/hang" }, within = "60s" })
  gate.post("/hang", { calls = { c = backend:post "/hang" }, within = "60s" })
  gate.get("/soon", { calls = { c = backend:get "/delay/20/ok" } })
  gate.post("/body", function(req) return req.text end)
]]

describe("a gateway that is told to stop", function()
  local backend

  before_each(function()
    backend = faultd.start()
  end)

  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  local function start(limits, workers)
    return gateway.start({
      ["gateway.lua"] = { services = { backend = backend.url }, limits = limits },
      ["routes.lua"] = routes,
    }, { workers = workers or 2 })
  end

  local function in_flight(count)
    return backend:record_when(function(record) return record.in_flight == count end).in_flight
  end

  -- Waits for the end; when it came after `began`.
  local function ended(g, within)
    local began = posix.now()
    local code = g.process:wait(within or 5000)
    g.stopped = true
    if not code then
      g.process:kill()
    end
    return code, posix.now() - began
  end

  for name, signal in pairs { SIGTERM = posix.SIGTERM, SIGINT = posix.SIGINT } do
    it("by " .. name .. " finishes what it has begun, with Connection: close, and exits with 0", function()
      local g = start { linger = "100ms" }
      local before, idle = g:fds(), g:connect()
      assert.is_truthy(wait.till(function() return g:fds() > before end), "it has not accepted the idle one")
      local kept, half = g:connect(), g:connect()
      assert.equal("ok", kept:ask("/ok").body)
      half:send(http.request("/body", { method = "POST", headers = { ["Content-Length"] = "4" } }) .. "ha")
      local busy = { g:connect(), g:connect(), g:connect(), g:connect() }
      busy[1]:send(http.request "/slow")
      busy[2]:send(http.request("/slow", { body = "b" }))
      busy[3]:send(http.request "/nap")
      busy[4]:send(http.request "/slow" .. http.request "/ok") -- one of them read ahead
      assert.equal(4, in_flight(4))
      g.process:signal(signal)
      for _, c in ipairs { idle, kept } do
        local how, bytes = c:ending()
        assert.same({ "closed", "" }, { how, bytes })
      end
      local refused = wait.till(function() return select(2, http.try_connect(g.port)) == "refused" end)
      assert.is_true(refused)
      half:send "lf"
      local reply = half:read()
      assert.same({ 200, "half", "close" }, { reply.status, reply.body, reply.headers.connection })
      backend:release()
      for i, c in ipairs(busy) do
        reply = assert(c:read())
        assert.same({ 200, "close" }, { reply.status, reply.headers.connection }, "request " .. i)
        assert.equal("closed", (c:ending()))
      end
      assert.equal(0, (ended(g)))
      assert.equal("", g:log())
    end)
  end

  it("goes on while one signal repeats at once, and cuts at one that comes a second later", function()
    wait.in_time(function()
      backend:reset()
      local g = start {}
      local c, post = g:connect(), g:connect()
      c:send(http.request "/hang")
      post:send(http.request("/hang", { body = "b" }))
      assert.equal(2, in_flight(2))
      g.process:signal(posix.SIGTERM)
      g.process:signal(posix.SIGINT)
      wait.sleep(100)
      g.process:signal(posix.SIGTERM)
      assert.is_nil(c:ending(500 / wait.slack))
      wait.sleep(700)
      local began = posix.now()
      assert.truthy(wait.till(function() -- it may have heard of the first late
        g.process:signal(posix.SIGTERM)
        return c:ending(200 / wait.slack)
      end))
      assert.truthy(post:ending())
      assert.equal(0, (ended(g, 3000)))
      assert.is_true(posix.now() - began < 1500 * wait.slack)
      assert.truthy(g:log():find("the time to end requests is over: what is still in work is cut", 1, true))
    end)
  end)

  it("cuts what is left when limits.drain is over", function()
    wait.below(2500, function()
      backend:reset()
      local g = start { drain = "300ms" }
      local c, post = g:connect(), g:connect()
      c:send(http.request "/hang")
      post:send(http.request("/hang", { body = "b" }))
      assert.equal(2, in_flight(2))
      local began = posix.now()
      g.process:signal(posix.SIGTERM)
      assert.truthy(c:ending())
      assert.truthy(post:ending())
      assert.equal(0, (ended(g)))
      local spent = posix.now() - began
      assert.is_true(spent >= 250, spent .. " ms")
      return spent
    end)
  end)

  it("does so while nothing is in work, at once", function()
    wait.below(1000, function()
      local g = start {}
      local kept = g:connect()
      assert.equal("ok", kept:ask("/ok").body)
      local began = posix.now()
      g.process:signal(posix.SIGTERM)
      assert.equal(0, (ended(g)))
      return posix.now() - began
    end)
  end)

  it("is not held up by a client that reads nothing, beyond write_idle", function()
    wait.below(1500, function()
      local g = start({ write_idle = "300ms" }, 1)
      local c = g:connect()
      c:send "GET /ok HTTP/1.1\r\nHost: a\r\n" -- and never ends its head
      local other = g:connect()
      assert.equal("ok", other:ask("/ok").body) -- so what came before was read
      local began = posix.now()
      g.process:signal(posix.SIGTERM)
      c:close()
      assert.equal(0, (ended(g)))
      return posix.now() - began
    end)
  end)

  it("loses none of the requests it has accepted, 20 times under load", function()
    local lost, served, refused = {}, 0, 0
    for round = 1, 20 do
      local g = start({}, 1 + round % 2)
      local stop, asking, before_round = false, 12, served
      -- Each asks on a kept connection, then on a new one when it is told to close, until it is
      -- refused: also by a reset before its first reply, when the kernel had taken the connection
      -- but the gateway never saw it, or by an end since it had been stopped for so long that its
      -- connection was an idle one.
      local function client(i)
        local path = ({ "/ok", "/soon", "/short" })[i % 3 + 1]
        local c, asked
        while not stop do
          local new = not c
          c = c or http.try_connect(g.port)
          if not c then
            refused = refused + 1
            return
          end
          local before = asked
          asked = posix.now()
          local reply, why = c:ask(path)
          local idle = not new and posix.now() - before > 200
          if not reply and (new and why == "reset" or idle and why ~= "timeout") then
            refused = refused + 1
            c:close()
            return
          end
          if not reply or reply.status ~= 200 then
            lost[#lost + 1] = ("round %d, %s: %s"):format(round, path, why or reply.status)
            c:close()
            return
          end
          served = served + 1
          if reply.headers.connection == "close" then
            c:close()
            c = nil
          end
        end
      end
      local clients = {}
      for i = 1, asking do
        clients[i] = function()
          client(i)
          asking = asking - 1
        end
      end
      clients[#clients + 1] = function()
        wait.sleep(60 + round * 3)
        wait.till(function() return served - before_round >= 30 end)
        g.process:signal(posix.SIGTERM)
        wait.till(function() return asking == 0 end, 5000)
        stop = true
      end
      wait.at_once(clients)
      assert.equal(0, (ended(g)))
      assert.equal("", g:log())
    end
    assert.same({}, lost)
    figure.is(36, ("lost, of %d served while it was told to stop 20 times"):format(served), #lost, 0)
    assert.is_true(served > 500, served .. " served")
    assert.is_true(refused > 0)
  end)
end)
