-- When calls start: those that depend on nothing at once, each other one when what it names has
-- landed; and that the first required failure ends the others.
-- Alone: which calls go out at once shows in times of some ms.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local problem = require "support.problem"
local wait = require "support.wait"

local routes = [[
local gate = require "moongate"
local users, shop, pages = gate.service "users", gate.database "shop", gate.files "pages"

local many = {}
for i = 1, 40 do
  many["call" .. i] = users:get("/delay/150/ok")
end
gate.get("/wide", { calls = many, reply = {} })

gate.get("/diamond", {
  calls = {
    d = users:get "/id/{b.body.id}-{c.body.id}",
    b = users:get "/delay/80/id/{a.body.id}b",
    c = users:get "/delay/40/id/{a.body.id}c",
    a = users:get "/delay/30/id/a",
  },
  reply = { id = "{d.body.id}" },
})

gate.get("/needs", {
  calls = {
    second = users:get("/id/second", { needs = "first" }),
    first  = users:get "/delay/60/id/first",
    third  = users:get("/id/third", { needs = { "first", "second" } }),
  },
})

gate.get("/soonest", { -- what waits for the quick one does not wait for the slow one
  calls = {
    slow  = users:get "/held/id/slow",
    quick = users:get "/id/quick",
    after = users:get "/id/{quick.body.id}-after",
  },
})

gate.get("/every-place/{id}", {
  calls = {
    first = users:get "/delay/20/ok?body=%22v%22&header=X-V:%20v",
    path  = users:get "/id/path-{first.body}",
    asked = users:get("/id/query", { query = { v = "{first.body}" } }),
    field = users:get("/id/field", { headers = { ["x-v"] = "{first.headers.x-v}" } }),
    json  = users:post("/id/json", { json = { deep = { "{first.body}" } } }),
    form  = users:post("/id/form", { form = { v = "{first.body}" } }),
    xml   = users:post("/id/xml", { xml = "<v>{first.body}</v>" }),
    sql   = shop:one("select ? as v", "{first.body}"),
    file  = pages:read "{first.body}.txt",
    value = gate.value { "{first.status}" },
    last  = users:get("/id/last", { optional = true, fallback = { "{sql.body.v}" } }),
  },
})

gate.get("/chain", {
  calls = {
    a = users:get "/delay/20/id/1", b = users:get "/delay/20/id/{a.body.id}2",
    c = users:get "/delay/20/id/{b.body.id}3", d = users:get "/delay/20/id/{c.body.id}4",
  },
  reply = "{d.body.id}",
})

gate.get("/function", {
  calls = { a = users:get "/delay/60/id/a", b = users:get "/delay/60/id/b" },
  reply = function(_, got)
    local more = gate.all {
      users:get("/delay/60/id/{id}", { params = { id = got.a.body.id .. "1" } }),
      users:get("/delay/60/id/{id}", { params = { id = got.b.body.id .. "2" } }),
    }
    return { more[1].body.id, more[2].body.id }
  end,
})

gate.get("/fails/plan", {
  calls = {
    bad  = users:get "/held/status/500",
    slow = users:get "/hang", slow2 = users:get "/delay/5000/ok", cut = users:get "/noend",
    late = users:get "/id/never-{slow.body.id}",
  },
})
gate.get("/fails/function", function()
  gate.all { bad = users:get "/held/status/500", slow = users:get "/hang",
    slow2 = users:get "/delay/5000/ok", cut = users:get "/noend" }
  return {}
end)
gate.get("/fails/late", { within = "100ms", calls = { a = users:get "/hang", b = users:get "/hang" } })
gate.get("/relay", {
  calls = { gone = users:get("/held/status/404", { relay = { 404 } }), slow = users:get "/hang" },
})
gate.post("/unsafe", {
  calls = { bad = users:get "/held/status/500", write = users:post("/delay/200/ok", { json = {} }) },
})
]]

local g, backend

local function start()
  backend = faultd.start()
  g = gateway.start({
    ["gateway.lua"] = {
      services = { users = backend.url }, databases = { shop = "sqlite:shop.db" },
      files = { pages = "pages" },
    },
    ["routes.lua"] = routes,
    ["pages/v.txt"] = "page",
  }, { workers = 1 })
end

local function stop()
  gateway.clean()
  faultd.clean()
end

-- target of a recorded request -> when it came and when it was answered
local function times()
  local at, done = {}, {}
  for _, entry in ipairs(backend:record().log) do
    local target = entry.raw:match "^%u+ (%S+)"
    at[target], done[target] = entry.at, entry.done
  end
  return at, done
end

-- The reply of `path`; what is held for it is let go of once the backend was asked so often. When that
-- was, too.
local function ask(path, requests, method)
  local reply, released
  wait.at_once {
    function() reply = g:get(path, { method = method }) end,
    function()
      backend:record_when(function(record) return record.requests == requests end)
      released = wait.now()
      backend:release()
    end,
  }
  return reply, released
end

describe("calls", function()
  setup(start)
  teardown(stop)
  before_each(function() backend:reset() end)

  it("that depend on nothing start at once", function()
    wait.in_time(function()
      backend:reset()
      local reply = g:get "/wide"
      assert.equal(200, reply.status)
      assert.equal(40, backend:record().in_flight_most)
      assert.is_true(reply.ms < 300 * wait.slack, reply.ms)
    end)
  end)

  it("start as soon as what they name has landed: a diamond", function()
    local a, b, c, d = "/delay/30/id/a", "/delay/80/id/ab", "/delay/40/id/ac", "/id/ab-ac"
    local early = 0
    wait.in_time(function()
      backend:reset()
      assert.same({ id = "ab-ac" }, g:get("/diamond"):json())
      local at, done = times()
      if at[b] < done[a] or at[c] < done[a] or at[d] < done[b] then
        early = early + 1
      end
      assert.is_true(at[c] < done[b] and at[b] < done[c], "b and c are in flight together")
      local late = math.max(at[b] - done[a], at[c] - done[a], at[d] - done[b])
      assert.is_true(late < 20 * wait.slack, late)
    end)
    assert.equal(0, early)
  end)

  it("wait for what `needs` names, though no placeholder shows it", function()
    assert.equal(200, g:get("/needs").status)
    local at, done = times()
    assert.is_true(at["/id/second"] >= done["/delay/60/id/first"])
    assert.is_true(at["/id/third"] >= done["/id/second"])
  end)

  it("do not wait for others that are slower", function()
    assert.equal(200, ask("/soonest", 3).status)
    local at, done = times()
    assert.is_true(at["/id/quick-after"] < done["/held/id/slow"])
  end)

  it("depend on what any of their strings names", function()
    local reply = g:get "/every-place/7"
    assert.equal(200, reply.status, reply.body)
    local json = reply:json()
    assert.same({ "page", { 200 }, { v = "v" }, { id = "last" } }, { json.file, json.value,
      json.sql, json.last })
    local at, done = times()
    for _, name in ipairs { "path-v", "query?v=v", "field", "json", "form", "xml", "last" } do
      assert.is_true(at["/id/" .. name] >= done["/delay/20/ok?body=%22v%22&header=X-V:%20v"], name)
    end
  end)

  it("run in a chain, one after the other", function()
    local reply = g:get "/chain"
    assert.equal('"1234"', reply.body)
    assert.is_true(reply.ms >= 80)
    assert.equal(1, backend:record().in_flight_most)
  end)

  it("of a plan come first, those of its function after them", function()
    wait.in_time(function()
      backend:reset()
      local reply = g:get "/function"
      assert.same({ "a1", "b2" }, reply:json())
      assert.equal(2, backend:record().in_flight_most)
      assert.is_true(reply.ms >= 120 and reply.ms < 220 * wait.slack, reply.ms)
    end)
  end)
end)

-- How many of the backend's requests were never answered in full, and how long after `since` the
-- last of their connections was closed by the gateway; nil while one is open.
local function cut(since)
  local record = backend:record()
  local count, last = 0, 0
  for _, entry in ipairs(record.log) do
    local conn = record.conns[entry.connection]
    if not entry.done then
      if not conn.closed then
        return nil
      end
      count, last = count + 1, math.max(last, conn.closed)
    end
  end
  return { count, last - since }
end

describe("a required call that fails", function()
  setup(start)
  teardown(stop)
  before_each(function() backend:reset() end)

  for _, form in ipairs { "plan", "function" } do
    it("ends the request and cancels the others: " .. form, function()
      wait.below(50, function()
        backend:reset()
        local reply, released = ask("/fails/" .. form, 4)
        local took = wait.now() - released
        problem.check(reply, 502, { bad = "status" })
        local _, done = times()
        local found = wait.till(function() return cut(done["/held/status/500"]) end)
        assert.is_truthy(found, "calls go on that nobody waits for")
        assert.equal(3, found[1])
        assert.equal(4, backend:record().requests)
        return math.max(found[2], took)
      end)
    end)
  end

  it("because the request is out of time takes the others with it, and names them all", function()
    wait.in_time(function() -- both are sent before
      backend:reset()
      problem.check(g:get "/fails/late", 504, { a = "timeout", b = "timeout" })
      local found = wait.till(function() return cut(0) end)
      assert.equal(2, found and found[1])
    end)
  end)

  it("with a status to relay does the same", function()
    problem.check(ask("/relay", 2), 404, { gone = "status" })
    local found = wait.till(function() return cut(0) end)
    assert.equal(1, found and found[1])
  end)

  it("never cuts a POST whose first byte was sent: it finishes unheard", function()
    problem.check(ask("/unsafe", 2, "POST"), 502, { bad = "status" })
    local record = backend:record_when(function(r) return r.in_flight == 0 end)
    assert.equal(2, record.requests)
    for _, entry in ipairs(record.log) do
      assert.is_truthy(entry.done, entry.raw)
    end
  end)
end)
