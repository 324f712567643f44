-- `when`: a planned call that is made only if a function says so.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local wait = require "support.wait"

local routes = [=[
local gate = require "moongate"
local api = gate.service "api"
local function from_query(req) return req.query.yes == "1" end

gate.get("/plain", { calls = { a = api:get "/id/a", b = api:get("/id/b", { when = from_query }) } })
gate.get("/fallback", { calls = { b = api:get("/id/b", { when = from_query, fallback = 5 }) }, reply = "{b.body}" })
gate.get("/needs", { calls = { me = api:get("/delay/20/ok?body={query.me}"), slow = api:get "/delay/60/id/slow",
  more = api:get("/id/{me.body.id}", { when = function(_, got)
    assert(got.me and not rawget(got, "slow") and not rawget(got, "more"))
    return got.me.body.id > 5
  end }),
  last = api:get("/id/after-{more.body.id}", { optional = true }),
  own = api:get("/id/own-{more.body.id}", { when = function(_, got) return got.more.ok end }),
} })
gate.get("/waits", { calls = { a = api:get("/id/a", { when = function() return api:get("/id/x"):wait().ok end }) } })
gate.get("/sleeps", { calls = { a = api:get("/id/a", { when = function() gate.sleep "1ms" return true end }) } })
gate.get("/starts", { calls = { a = api:get("/id/a", { when = function() return api:get("/id/x"):start() end }) } })
gate.get("/all", { calls = { a = api:get("/id/a", { when = function() return gate.all { api:get "/id/x" } end }) } })
gate.get("/tries", { calls = { a = api:get("/id/a", { when = function() return not pcall(gate.sleep, "1ms") end }) },
  reply = function(_, got) return { got.a.body.id, api:get("/id/x"):wait().body.id } end })
gate.get("/early", { calls = { slow = api:get "/delay/20/id/slow", a = api:get("/id/a", { when = function(_, got) return got.slow.ok end }) } })
gate.get("/deep", { calls = { a = api:get "/id/a", b = api:get "/id/{a.body.id}b",
  c = api:get("/id/c", { needs = "b", when = function(_, got)
    return got.a.body.id == "a" and got.b.ok and got.nobody == nil
  end }) } })
gate.get("/around", {
  before = function(req) req.context.level = req.query.level req.context.seen = {} end,
  calls = { a = api:get("/id/{context.level}", { when = function(req)
    table.insert(req.context.seen, "when")
    return req.context.level ~= "low"
  end }) },
  reply = function(req, got) table.insert(req.context.seen, "reply")
    return { a = got.a.body, kind = got.a.error and got.a.error.kind, ok = got.a.ok, seen = req.context.seen } end,
  after = function(req, reply) reply.headers["x-seen"] = table.concat(req.context.seen, ",") end,
})
gate.get("/counts", { calls = { a = api:get("/id/a", { when = function()
  return gate.shared("n"):update("k", function(n) return (n or 0) + 1 end) % 2 == 1
end }) } })
gate.get("/each", { calls = { it = gate.each("{query.q}", gate.value "{each}", { when = from_query }) },
  input = { query = { q = "integer[]", yes = "string?" } } })
gate.get("/fails", { calls = { a = api:get "/delay/500/ok", b = api:get("/id/b", { when = function() gate.fail(403, "not for you") end }) } })
gate.get("/error", { calls = { b = api:get("/id/b", { when = function() return nil + 1 end }) } })
gate.get("/gate", { before = function() end, after = function(_, reply) reply.headers["x-after"] = "yes" end,
  calls = { b = api:get("/id/b", { when = function() gate.fail(403, "not for you") end }) } })
]=]

describe("a call with when", function()
  local g, backend

  setup(function()
    backend = faultd.start()
    g = gateway.start { ["gateway.lua"] = { services = { api = backend.url } }, ["routes.lua"] = routes }
  end)

  teardown(function()
    gateway.clean()
    faultd.clean()
  end)

  before_each(function() backend:reset() end)

  it("is made when its function says so, else it is skipped, which is no failure", function()
    assert.equal('{"a":{"id":"a"},"b":{"id":"b"}}', g:get("/plain?yes=1").body)
    local reply = g:get "/plain"
    assert.equal('{"a":{"id":"a"},"b":null}', reply.body)
    assert.is_nil(reply.headers["moongate-partial"])
    assert.equal(3, backend:record().requests)
    assert.equal("null", g:get("/fallback").body)
    assert.equal('{"id":"b"}', g:get("/fallback?yes=1").body)
    assert.equal("[1,2]", g:get("/each?yes=1&q=1&q=2").body:match "%[.*%]")
    assert.equal('{"it":null}', g:get("/each?q=1").body)
  end)

  it("sees what has landed, and what follows it fails as missing or asks itself", function()
    local reply = g:get "/needs?me=%7B%22id%22:7%7D"
    assert.same({ me = { id = 7 }, slow = { id = "slow" }, more = { id = "7" }, last = { id = "after-7" },
      own = { id = "own-7" } }, reply:json(), reply.body)
    reply = g:get "/needs?me=%7B%22id%22:3%7D"
    assert.equal(200, reply.status, reply.body)
    assert.equal('{"last":null,"me":{"id":3},"more":null,"own":null,"slow":{"id":"slow"}}', reply.body)
    assert.equal("last=missing", reply.headers["moongate-partial"])
  end)

  it("sees what has landed for sure, and is told where it looks at what it does not wait for", function()
    assert.equal('{"a":{"id":"a"},"b":{"id":"ab"},"c":{"id":"c"}}', g:get("/deep").body)
    assert.equal(500, g:get("/early").status)
    assert.is_truthy(wait.till(function()
      return g:log():find("routes.lua:%d+: got.slow: this call does not wait for slow: name it in needs")
    end, 10000), g:log())
  end)

  it("shares req and its context with the functions before, after and of the reply", function()
    local reply = g:get "/around?level=high"
    assert.same({ a = { id = "high" }, ok = true, seen = { "when", "reply" } }, reply:json(), reply.body)
    assert.equal("when,reply", reply.headers["x-seen"])
    reply = g:get "/around?level=low"
    assert.same({ kind = "skipped", ok = false, seen = { "when", "reply" } }, reply:json(), reply.body)
    assert.is_nil(reply.headers["moongate-partial"])
  end)

  it("answers at once: it cannot make calls or wait", function()
    for _, path in ipairs { "/waits", "/sleeps", "/starts", "/all" } do
      local reply = g:get(path)
      assert.equal(500, reply.status, path)
      assert.is_truthy(wait.till(function()
        return g:log():find("GET " .. path .. " .-routes.lua:%d+: when cannot make calls or wait: plan a call")
      end, 10000), g:log())
    end
    assert.equal(0, backend:record().requests)
    assert.equal('["a","x"]', g:get("/tries").body)
    assert.equal('{"a":{"id":"a"}}', g:get("/counts").body)
    assert.equal('{"a":null}', g:get("/counts").body)
  end)

  it("ends the request when it raises", function()
    local reply = g:get "/fails"
    assert.same({ 403, "not for you" }, { reply.status, reply:json().detail })
    assert.equal(500, g:get("/error").status)
    assert.is_truthy(wait.till(function() return g:log():find("routes.lua:%d+: attempt to perform arithmetic") end, 10000), g:log())
    reply = g:get "/gate"
    assert.same({ 403, "yes" }, { reply.status, reply.headers["x-after"] })
    assert.equal(200, g:get("/plain?yes=1").status)
  end)

  it("is asked anew in every one of many requests at once", function()
    local clients = {}
    for i = 1, 40 do
      clients[i] = require("support.http").connect(g.port)
      clients[i]:send(("GET /around?level=%s HTTP/1.1\r\nHost: a\r\n\r\n"):format(i % 2 == 0 and "low" or "l" .. i))
    end
    for i, client in ipairs(clients) do
      assert.equal(i % 2 == 1 and "l" .. i or nil, (client:read():json().a or {}).id)
      client:close()
    end
  end)
end)
