-- A worker that does not turn is reported with what it is at, and others take its connections.
local freeze = require "support.freeze"
local gateway = require "support.gateway"
local wait = require "support.wait"

local ROUTES = [=[
local gate = require "moongate"
gate.get("/fine", function() return { "fine" } end)
gate.get("/spin/{seconds}", { limits = { script = "1m" }, reply = function(req)
  local till = os.clock() + tonumber(req.params.seconds)
  while os.clock() < till do end
  return { "spun" }
end })
]=]

local function start(limits, workers)
  return gateway.start({ ["gateway.lua"] = { limits = limits }, ["routes.lua"] = ROUTES }, { workers = workers })
end

-- What the log says, behind its first `said` bytes.
local function logged(g, pattern, said)
  return assert(wait.till(function() return g:log():match(pattern, (said or 0) + 1) end, 10000), g:log())
end

local frozen

-- Tries that again where the machine had stopped a worker, or us, for longer than it is about.
local function in_time(try)
  wait.in_time(function()
    local ok, why = pcall(try)
    if frozen then
      frozen:thaw()
    end
    if not ok then
      error(why, 0)
    end
  end)
end

local function freeze_worker(g, i)
  local why
  frozen, why = freeze.thread(g.pid, "worker " .. i)
  if not frozen then
    pending("no thread can be stopped here: " .. why)
  end
  return frozen
end

local function count_served(g, count)
  local served = 0
  wait.at_once(count, function()
    local reply = g:get "/fine"
    served = served + (reply.status == 200 and 1 or 0)
  end)
  return served
end

describe("a worker that does not turn", function()
  local g, idle

  setup(function()
    idle = start({}, 2)
    g = start({ stuck = "200ms", hung = "1m" }, 2)
  end)
  after_each(function()
    if frozen then
      frozen:thaw()
    end
  end)
  teardown(gateway.clean)

  for i = 1, 2 do
    it("has its connections taken by the other, and takes its own again later: worker " .. i, function()
      in_time(function()
        local kept = {}
        for k = 1, 16 do
          kept[k] = g:connect()
          assert.equal(200, assert(kept[k]:ask "/fine").status)
        end
        local said = #g:log()
        if not freeze_worker(g, i) then
          return
        end
        assert.equal(30, count_served(g, 30)) -- those of before it was found out, too
        assert.equal("in no script; others take its connections",
          logged(g, "worker " .. i .. " has not turned for %d+%.%ds: it is (.-)\n", said))
        assert.equal(30, count_served(g, 30))

        local replies = wait.at_once(17, function(k)
          if k <= 16 then
            return assert(kept[k]:ask "/fine").status
          end
          frozen:thaw() -- when the other sixteen have asked
        end)
        for k = 1, 16 do
          assert.equal(200, replies[k])
          kept[k]:close()
        end
        logged(g, "worker " .. i .. " turns again, after %d+%.%ds\n", said)
        assert.equal(30, count_served(g, 30))
      end)
    end)
  end

  it("is told of once each time", function()
    assert(wait.till(function()
      local log = g:log()
      local _, out = log:gsub("has not turned", "")
      local _, back = log:gsub("turns again", "")
      return out >= 1 and (out == back or out == back + 1)
    end), g:log())
  end)

  it("is named with its route and the line of its script", function()
    local other
    in_time(function()
      other = start({ stuck = "100ms", hung = "300ms" }, 2)
      local c = other:connect()
      assert(c:send "GET /spin/0.4 HTTP/1.1\r\nHost: x\r\n\r\n")
      assert.equal(30, count_served(other, 30))
      local line = logged(other, "it is at GET /spin/{seconds} %(routes.lua:3%), its script at routes.lua:(%d)")
      assert(line == "4" or line == "5", line)
      assert.equal('["spun"]', assert(c:read()).body)
      c:close()
      logged(other, "turns again")
      assert.is_nil(other:log():find "no sign of life") -- it ran
    end)

    if freeze_worker(other, 1) then
      logged(other, "worker 1 has given no sign of life for %d+%.%ds\n")
    end
  end)

  it("is the only one: then it is named, and that is all", function()
    in_time(function()
      local alone = start({ stuck = "100ms" }, 1)
      assert.equal('["spun"]', alone:get("/spin/0.2").body)
      assert(logged(alone, "it is at GET /spin/{seconds} (%b()), its script at routes.lua:%d\n"))
    end)
  end)

  it("is not one that has nothing to do", function()
    assert.is_nil(idle:log():find "has not turned")
    assert.equal(10, count_served(idle, 10))
  end)
end)
