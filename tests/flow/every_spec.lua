-- gate.every: by the clock, once in the process, never twice at once.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local http = require "support.http"
local posix = require "support.posix"
local wait = require "support.wait"

local function routes(text)
  return 'local gate = require "moongate"\nlocal users, seen = gate.service "users", gate.shared "seen"\n' .. text
    .. '\ngate.get("/seen/{key}", function(req) return tostring(seen:get(req.params.key)) end)\n'
end

describe("gate.every", function()
  local backend

  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  local function start(text, limits)
    backend = faultd.start()
    return gateway.start({
      ["gateway.lua"] = { services = { users = backend.url }, limits = limits }, ["routes.lua"] = routes(text),
    }, { workers = 3 })
  end

  local function logged(g, text, within)
    return wait.till(function() return g:log():find(text, 1, true) end, within or 5000)
  end

  -- When the log has lines with `text`: ms within the minute.
  local function times(g, text)
    local list = {}
    for seconds, line in g:log():gmatch "T%d+:%d+:([%d.]+)Z([^\n]+)" do
      if line:find(text, 1, true) then
        list[#list + 1] = math.floor(tonumber(seconds) * 1000 + 0.5)
      end
    end
    return list
  end

  it("runs at multiples of its time, once for all workers, whatever is reloaded", function()
    local g
    wait.in_time(function() -- one that is late may be seen in the time of the next
      local text = 'gate.every("400ms", "tick", function() error "%s" end)'
      g = start(text:format "tick")
      assert.is_truthy(wait.till(function() return #times(g, 'gate.every "tick"') >= 2 end, 5000))
      for i = 1, 2 do
        g:write { ["routes.lua"] = routes(text:format("tock" .. i)) }
        assert.is_truthy(logged(g, "tock" .. i), g:log())
      end
      local slots, least = {}, math.huge
      for _, ms in ipairs(times(g, 'gate.every "tick"')) do
        local slot = math.floor(ms / 400)
        assert.is_nil(slots[slot], g:log())
        slots[slot], least = true, math.min(least, ms % 400)
      end
      assert.is_true(least < math.min(120 * wait.slack, 330), least)
    end)
    g:write { ["routes.lua"] = routes 'gate.every("100ms", "other", function() seen:incr "other" end)' }
    assert.is_truthy(wait.till(function() return (tonumber(g:get("/seen/other").body) or 0) > 5 end, 10000))
    local before = #times(g, 'gate.every "tick"')
    assert.is_truthy(wait.till(function() return (tonumber(g:get("/seen/other").body) or 0) > 12 end, 10000))
    assert.equal(before, #times(g, 'gate.every "tick"'))
  end)

  it("never runs one name twice at once", function()
    local g = start [[
      gate.every("100ms", "slow", function()
        if seen:incr("now") > 1 then seen:incr "twice" end
        gate.sleep "150ms"
        seen:incr("now", -1)
        seen:incr "runs"
      end)
      gate.every("100ms", "other", function() seen:incr("other", seen:get "now" or 0) end)]]
    assert.is_truthy(wait.till(function() return (tonumber(g:get("/seen/runs").body) or 0) >= 3 end, 10000))
    assert.equal("nil", g:get("/seen/twice").body)
    assert.is_truthy(wait.till(function() return (tonumber(g:get("/seen/other").body) or 0) > 0 end))
    assert.is_truthy(logged(g, 'gate.every "slow" is still at work when it is due again: it runs less often'))
  end)

  it("makes calls, has its own time, and leaves things to gate.finally", function()
    local g = start([[
      gate.every("100ms", "calls", function()
        gate.finally(function(status) users:get("/echo/finally/" .. status):wait() end)
        users:get("/echo/every"):wait()
      end)
      gate.every("100ms", "late", { within = "50ms" }, function() gate.sleep "60s" end)
      gate.every("100ms", "fails", function() users:get("/status/404"):wait() end)
      gate.every("100ms", "common", function() seen:set("left", gate.left()) end)]], { every = "3s" })
    local raw = {}
    backend:record_when(function(record)
      for _, one in ipairs(record.log) do
        local path = one.raw and one.raw:match "^GET (%S+)"
        raw[path or ""] = one.raw
      end
      return record.requests > 6 and raw["/echo/finally/200"]
    end)
    assert.is_truthy(raw["/echo/finally/200"])
    assert.is_truthy(raw["/echo/every"]:find "X%-Request%-Id: %x+\r\n")
    assert.is_nil(raw["/echo/every"]:find "X%-Forwarded")
    assert.is_truthy(logged(g, 'gate.every "late" (run '))
    assert.is_truthy(logged(g, "its function ran out of time"))
    assert.is_truthy(logged(g, "the call users failed: "))
    local left = wait.till(function() return tonumber(g:get("/seen/left").body) end)
    assert.is_true(left > 0 and left <= 3000, left)
  end)

  it("gets to its end when the gateway is told to stop, and no new one begins", function()
    local g = start 'gate.every("100ms", "held", function() users:post("/held/ok"):wait() users:get("/echo/done"):wait() end)'
    backend:record_when(function(record) return record.in_flight == 1 end)
    g.process:signal(posix.SIGTERM)
    assert.is_truthy(wait.till(function() return select(2, http.try_connect(g.port)) == "refused" end)) -- it has heard
    assert.is_nil(g.process:wait(150))
    backend:release()
    assert.equal(0, g.process:wait(10000))
    g.stopped = true
    assert.equal(2, backend:record().requests)
  end)

  it("is cut when the time to stop is over", function()
    local g = start('gate.every("100ms", "hangs", { within = "60s" }, function() users:get("/hang"):wait() end)', { drain = "50ms" })
    backend:record_when(function(record) return record.in_flight == 1 end)
    g.process:signal(posix.SIGTERM)
    assert.equal(0, g.process:wait(10000))
    g.stopped = true
  end)
end)
