-- Each limit on what requests ask of backends: sizes of results, calls of a request, calls in flight
-- and waiting. As much as is allowed goes through, one more fails with its kind and status.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local http = require "support.http"
local wait = require "support.wait"

-- Starts requests at once, each on a connection of its own; the replies, in order.
local function all(g, paths)
  return wait.at_once(#paths, function(i)
    return g:get(paths[i])
  end)
end

local function statuses(replies)
  local counts = {}
  for _, reply in ipairs(replies) do
    counts[reply.status] = (counts[reply.status] or 0) + 1
  end
  return counts
end

-- Asks for what is held, `count` times at once; once one of them was refused, the others are let go,
-- some every 250 ms. The replies, as they came.
local function all_held(g, backend, count)
  local replies, tasks = {}, {}
  for i = 1, count do
    tasks[i] = function()
      local reply = g:get "/held"
      replies[#replies + 1] = reply
    end
  end
  tasks[count + 1] = function()
    wait.till(function() return #replies > 0 end)
    while #replies < count do
      wait.sleep(250)
      backend:release()
    end
  end
  wait.at_once(tasks)
  return replies
end

-- The kind of the failed call that a problem names.
local function kind(reply)
  return (reply:json().calls or { {} })[1].kind
end

describe("limits on calls:", function()
  local backend

  before_each(function()
    backend = faultd.start()
  end)

  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  local function start(limits, routes, more)
    local config = more or {}
    config.limits, config.services = limits, config.services or { b = backend.url }
    return gateway.start({ ["gateway.lua"] = config, ["routes.lua"] =
      'local gate = require "moongate"\nlocal b = gate.service "b"\n' .. routes,
      ["f/full.txt"] = ("x"):rep(1024), ["f/over.txt"] = ("x"):rep(1025) }, { workers = 2 })
  end

  it("a result of the largest size is taken, one byte more is too_large, 502", function()
    local g = start({ result = "1KiB" }, [[
      local f = gate.files "f"
      gate.get("/length/{n}", { calls = { c = b:get "/big/{n}" } })
      gate.get("/chunked/{n}", { calls = { c = b:get "/bigchunk/{n}" } })
      gate.get("/file/{name}", { calls = { c = f:read "{name}" } })
      gate.get("/value", function(req)
        local got = b:get("/big/1025", { optional = true }):wait()
        return { ok = got.ok, kind = got.error.kind }
      end)
    ]], { files = { f = "f" } })
    for _, path in ipairs { "/length/", "/chunked/" } do
      assert.same({ 200, 1024 + #'{"c":}' }, { g:get(path .. 1024).status, #g:get(path .. 1024).body })
      local reply = g:get(path .. 1025)
      assert.same({ 502, "too_large" }, { reply.status, kind(reply) })
    end
    assert.equal(200, g:get("/file/full.txt").status)
    local reply = g:get "/file/over.txt"
    assert.same({ 502, "too_large" }, { reply.status, kind(reply) })
    assert.same({ ok = false, kind = "too_large" }, g:get("/value"):json())
  end)

  it("the results of one request, all together", function()
    local g = start({ results = "3KiB" }, [[
      gate.get("/sum/{a}/{b}", { calls = { one = b:get "/big/{a}", two = b:get "/big/{b}" } })
    ]])
    assert.equal(200, g:get("/sum/1536/1536").status)
    local reply = g:get "/sum/1536/1537"
    assert.same({ 502, "too_large" }, { reply.status, kind(reply) })
  end)

  it("the calls that one request's function makes", function()
    local g = start({ calls = 3 }, [[
      gate.get("/calls/{n}", function(req)
        local n = 0
        for _ = 1, tonumber(req.params.n) do
          b:get("/ok"):wait()
          n = n + 1
        end
        return { n = n }
      end)
    ]])
    assert.same({ n = 3 }, g:get("/calls/3"):json())
    local reply = g:get "/calls/4"
    assert.equal(500, reply.status)
    assert.equal("the request makes more calls than it may (limits.calls)", reply:json().detail)
    assert.truthy(wait.till(function() return g:log():find("limits.calls", 1, true) end, 1000), g:log())
    assert.equal(6, backend:record().requests)
  end)

  it("a service's at_once and waiting: one more is busy, 503 with Retry-After, at once", function()
    wait.in_time(function() -- each worker has to have made a call before it knows how long one takes
      backend:reset()
      local g = start({}, [[
        gate.get("/held", { calls = { c = b:get "/held/ok" } })
        gate.get("/soon", { calls = { c = b:get "/delay/20/ok" } })
      ]], { services = { b = { url = backend.url, at_once = 2, waiting = 3 } } })
      local replies = all_held(g, backend, 6)
      assert.same({ [200] = 5, [503] = 1 }, statuses(replies))
      assert.equal(503, replies[1].status)
      assert.same({ "busy", "1" }, { kind(replies[1]), replies[1].headers["retry-after"] })
      local record = backend:record()
      assert.same({ 2, 5 }, { record.in_flight_most, record.requests })
      -- It is known by now how long a call takes: two that wait would wait longer than 100 ms.
      replies = all_held(g, backend, 4)
      assert.same({ [200] = 3, [503] = 1 }, statuses(replies))
      assert.equal(503, replies[1].status)
      wait.in_time(function()
        for _ = 1, 40 do
          assert.equal(200, g:get("/soon").status)
        end
        assert.same({ [200] = 5 }, statuses(all(g, { "/soon", "/soon", "/soon", "/soon", "/soon" })))
      end)
    end)
  end)

  it("a service that lets none wait refuses what is not served at once", function()
    local g = start({}, [[
      gate.get("/held", { calls = { c = b:get "/held/ok" } })
      gate.get("/ok", { calls = { c = b:get "/ok" } })
    ]], { services = { b = { url = backend.url, at_once = 1, waiting = 0 } } })
    local c = g:connect()
    c:send(http.request "/held")
    assert.equal(1, backend:record_when(function(record) return record.in_flight == 1 end).in_flight)
    assert.equal(503, g:get("/ok").status)
    backend:release()
    assert.equal(200, c:read().status)
    assert.equal(200, g:get("/ok").status)
  end)

  it("the queue of a database's threads: beyond it busy, 503 with Retry-After", function()
    local g = start({ sqlite_jobs = 2 }, [[
      local d = gate.database "d"
      gate.get("/work", { within = "20s", calls = { c = d:one([=[with recursive n(i) as
        (select 1 union all select i + 1 from n where i < 500000) select count(*) as n from n]=]) } })
      gate.get("/ok", function() return "ok" end)
    ]], { databases = { d = { url = "sqlite:d.db", readers = 1 } } })
    local paths = {}
    for i = 1, 12 do
      paths[i] = "/work"
    end
    wait.in_time(function() -- all have to be there before the first is served
      local replies = all(g, paths)
      local counts = statuses(replies)
      assert.equal(12, (counts[200] or 0) + (counts[503] or 0))
      assert.is_true(counts[200] >= 1 and counts[200] <= 3, counts[200] .. " were served")
      for _, reply in ipairs(replies) do
        if reply.status == 503 then
          assert.same({ "busy", "1" }, { kind(reply), reply.headers["retry-after"] })
        end
      end
      assert.equal("ok", g:get("/ok").body)
      assert.equal(200, g:get("/work").status)
    end)
  end)

  it("a request's own time is what a call has at most, 504", function()
    local g = start({ within = "100ms" }, [[
      gate.get("/hang", { calls = { c = b:get("/hang", { within = "10s" }) } })
    ]])
    wait.in_time(function()
      wait.below(300, function()
        local reply = g:get "/hang"
        assert.same({ 504, "timeout" }, { reply.status, kind(reply) })
        assert.is_true(reply.ms >= 95, reply.ms .. " ms")
        return reply.ms
      end)
    end)
  end)

  it("a connection to a service that does not come about in time, 504", function()
    local g = start({ connect = "100ms" }, [[
      gate.get("/mute", { calls = { c = b:get "/" } })
    ]], { services = { b = "http://127.0.0.1:" .. faultd.mute_port() } })
    wait.below(1000, function()
      local reply = http.get(g.port, "/mute")
      assert.same({ 504, "timeout" }, { reply.status, kind(reply) })
      return reply.ms
    end)
  end)

  it("a client that leaves while its calls are connecting, often", function()
    local g = start({ connect = "10s" }, [[
      gate.get("/mute", { calls = { c = b:get "/" } })
      gate.get("/ok", function() return "ok" end)
    ]], { services = { b = "http://127.0.0.1:" .. faultd.mute_port() } })
    for _ = 1, 30 do -- libuv opens one descriptor a loop when a loop has its first connection
      assert.equal("ok", g:get("/ok").body)
    end
    wait.in_time(function() -- a worker may have stood still until here, and have its first one now
      local before = g:fds()
      wait.at_once(30, function(i)
        local c = g:connect()
        c:send(http.request "/mute")
        wait.sleep(i * 3)
        c:close()
      end)
      assert.equal("ok", g:get("/ok").body)
      assert.truthy(wait.till(function() return g:fds() <= before end), "descriptors are left")
    end, 2)
  end)

  it("a service whose name stands for two addresses, one of which refuses", function()
    local g = start({}, [[gate.get("/ok", { calls = { c = b:get "/ok" } })]],
      { services = { b = backend.url:gsub("127.0.0.1", "localhost") } })
    for _ = 1, 3 do
      assert.equal(200, g:get("/ok").status)
    end
  end)
end)
