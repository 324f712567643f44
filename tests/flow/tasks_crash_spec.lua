-- Many tasks, and a process that is killed in the middle of them.
local gateway = require "support.gateway"
local http = require "support.http"
local places = require "support.places"
local process = require "support.process"
local wait = require "support.wait"

local routes = [=[
local gate = require "moongate"
local work = gate.task("work", { tries = 3, within = "1m" }, function(args, task)
  gate.sleep "5ms"
  return { args, task.id }
end)
gate.post("/job", function(req) return work:start(tonumber(req.text)) end)
work:routes(gate)
]=]

-- Under sanitizers everything is many times slower; the name of the test says how many there are.
local count = places.sanitize == "" and 10000 or 1000

describe(("%d tasks and SIGKILL in the middle"):format(count), function()
  after_each(gateway.clean)

  local function rows(g, sql)
    local code, out, err = process.run { "/usr/bin/env", "sqlite3", g.dir .. "/.moongate/tasks.db", sql }
    assert.equal(0, code, err)
    return out
  end

  local function start_all(g)
    local next_one, ids = 0, {}
    wait.at_once(50, function()
      local c = g:connect()
      while next_one < count do
        next_one = next_one + 1
        local number = next_one
        c:send(http.request("/job", { body = tostring(number) }))
        local reply = assert(c:read())
        assert(reply.status == 200, reply.body)
        ids[number] = reply.body
      end
      c:close()
    end)
    return ids
  end

  it("leaves each to be found, none lost, and runs none again whose end was recorded", function()
    local g = gateway.start({
      ["gateway.lua"] = { limits = { tasks_at_once = 200 } }, ["routes.lua"] = routes,
    }, { workers = 2 })
    local ids = start_all(g)
    g:kill()
    local done = tonumber(rows(g, "select count(*) from ticket where state = 'done'"))
    assert.is_true(done > 0, "none was done when it was killed")
    rows(g, ("vacuum into '%s/before.db'"):format(g.dir))
    assert.equal(tostring(count), rows(g, "select count(*) from ticket"):match "%d+")

    g = gateway.start(g.dir, { workers = 2 })
    local last
    assert.is_truthy(wait.till(function()
      last = g:get("/" .. ids[count]):json()
      return last.state == "done"
    end, 60000), last and last.state)
    local c = g:connect()
    for i = 1, count, 4 do
      local found
      wait.till(function()
        found = c:ask("/" .. ids[i]):json()
        return found.state == "done"
      end, 30000)
      assert(found.state == "done" and found.id == ids[i], found.state)
    end
    g:stop()
    local kept = {}
    for id in rows(g, "select id from ticket"):gmatch "[^\n]+" do
      kept[id] = true
    end
    for i = 1, count do
      assert(kept[ids[i]], ids[i])
    end
    assert.equal("0\n", rows(g, ("attach '%s/before.db' as early; select count(*) from early.ticket as a join ticket as b "
      .. "using (id) where a.state = 'done' and (a.tried <> b.tried or a.ended <> b.ended or a.result <> b.result)"):format(g.dir)))
    assert.equal("0\n", rows(g, "select count(*) from ticket where state <> 'done' or tried > 2 or "
      .. "result <> '[' || args || ',\"' || id || '\"]'"))
  end)
end)
