-- The log: one line for each thing that is said, whatever bytes clients and scripts put into it, and
-- nobody waits for whoever reads it.
local gateway = require "support.gateway"
local http = require "support.http"
local posix = require "support.posix"
local wait = require "support.wait"

local routes = [[
  local gate = require "moongate"
  gate.get("/raise/{what}", function(req) error("raised " .. req.params.what) end)
  gate.get("/lines", function() error("one\n2026-01-01T00:00:00.000Z error forged\r\n\27[2Jtwo\0three") end)
  gate.get("/table", function() error({ message = "first\n2026-01-01T00:00:00.000Z error forged" }) end)
  gate.get("/long", function() error(("x"):rep(100000)) end)
  gate.get("/ok", function() return "ok" end)
]]

describe("a log line", function()
  local g

  before_each(function()
    g = gateway.start { ["routes.lua"] = routes }
  end)

  after_each(gateway.clean)

  -- The lines of the log, each of which begins with a time and a level and has no control byte.
  local function lines()
    local list = {}
    for line in g:log():gmatch "([^\n]*)\n" do
      assert.truthy(line:find "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ %l+ +%S", line)
      assert.is_nil(line:find "%c", line)
      list[#list + 1] = line
    end
    assert.equal("\n", g:log():sub(-1))
    return list
  end

  local function logged(count)
    wait.till(function() return select(2, g:log():gsub("\n", "")) >= count end)
    local list = lines()
    assert.equal(count, #list, g:log())
    return list
  end

  it("is one for each error, with control bytes escaped", function()
    for _, path in ipairs { "/lines", "/table", "/long", "/raise/plain", "/raise/%0a%0dforged%1b%5b2J%7f",
      "/raise/" .. ("%0A2026-01-01T00:00:00.000Z%20error%20forged"):rep(3) } do
      assert.equal(500, g:get(path).status)
    end
    local list = logged(6)
    assert.truthy(list[1]:find("one\\x0a2026", 1, true), list[1])
    assert.truthy(list[4]:find("raised plain", 1, true), list[4])
    assert.truthy(list[5]:find("\\x0a\\x0dforged\\x1b[2J\\x7f", 1, true), list[5])
    for _, line in ipairs(list) do
      assert.is_true(#line < 4096)
    end
  end)

  it("names the request, which a client finds again in its reply", function()
    local reply = g:get("/raise/x", { headers = { ["X-Request-Id"] = "mine-1" } })
    assert.equal(500, reply.status)
    local line = logged(1)[1]
    assert.truthy(line:find("mine-1", 1, true), line)
    assert.truthy(line:find("routes.lua:2", 1, true), line)
    assert.truthy(line:find("GET /raise/x", 1, true), line)
    assert.is_nil(reply.body:find("raised", 1, true))
    assert.is_nil(reply.body:find("routes.lua", 1, true))
  end)

  it("cannot be forged by a request id, a target or a header", function()
    for _, id in ipairs { "a\27[2J", "a%0a", ("i"):rep(65), "a b" } do
      g:get("/raise/x", { headers = { ["X-Request-Id"] = id } })
    end
    g:get("/raise/" .. ("long"):rep(1500))
    local list = logged(4) -- the first is refused before any script runs
    assert.truthy(list[4]:find("raised longlong", 1, true), list[4])
    assert.is_nil(g:log():find("[2J", 1, true))
  end)
end)

describe("a log that nobody reads", function()
  after_each(gateway.clean)

  it("blocks no request, and not the end; what was dropped is counted", function()
    local g = gateway.start({ ["routes.lua"] = routes }, { err = "pipe", workers = 2 })
    local slowest = 0
    wait.at_once(20, function()
      local c = g:connect()
      for _ = 1, 100 do
        local reply = assert(c:ask("/raise/" .. ("x"):rep(500)))
        assert.equal(500, reply.status)
        slowest = math.max(slowest, reply.ms)
      end
      c:close()
    end)
    assert.is_true(slowest < 2000 * wait.slack, slowest .. " ms")
    assert.equal("ok", g:get("/ok").body)
    local bytes = posix.read(g.process.stderr)
    assert.truthy(bytes:find("raised xxx", 1, true))
    for _ = 1, 1000 do -- somebody reads again: first what waited, then how much was lost
      if bytes:find "Z warn  %d+ log lines were dropped" then
        break
      end
      assert.is_true(wait.readable(g.process.stderr, posix.now() + 5000 * wait.slack))
      bytes = bytes .. posix.read(g.process.stderr)
    end
    local _, written = bytes:gsub("raised xxx", "")
    local dropped = tonumber(bytes:match "(%d+) log lines were dropped")
    assert.is_true(dropped > 0 and written + dropped <= 2000, written .. " and " .. dropped)
  end)

  it("does not keep the gateway from ending", function()
    local g = gateway.start({ ["routes.lua"] = routes }, { err = "pipe" })
    for _ = 1, 200 do
      http.get(g.port, "/raise/" .. ("x"):rep(1000))
    end
    local began = posix.now()
    g.process:signal(posix.SIGTERM)
    g.stopped = true
    local code = g.process:wait(5000)
    if not code then
      g.process:kill()
    end
    assert.equal(0, code)
    assert.is_true(posix.now() - began < 4000 * wait.slack)
  end)

  it("whose reader has gone is no harm", function()
    local g = gateway.start({ ["routes.lua"] = routes }, { err = "pipe" })
    posix.close(g.process.stderr)
    g.process.stderr = nil
    for _ = 1, 20 do
      assert.equal(500, g:get("/raise/x").status)
    end
    assert.equal("ok", g:get("/ok").body)
  end)
end)
