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
    assert(got.me and not got.slow and not got.more)
    return got.me.body.id > 5
  end }),
  last = api:get("/id/after-{more.body.id}", { optional = true }),
  own = api:get("/id/own-{more.body.id}", { when = function(_, got) return got.more.ok end }),
} })
gate.get("/waits", { calls = {
  a = api:get("/id/a", { when = function() gate.sleep "20ms" return api:get("/delay/10/ok?body=1"):wait().body == 1 end }),
  b = api:get("/id/b", { when = function()
    local got = gate.all { api:get "/delay/15/ok?body=2", api:get "/delay/5/ok?body=3" }
    return got[1].body + got[2].body == 6
  end }),
  c = api:get("/id/c", { when = function() return api:get("/status/500", { optional = true }):wait().ok == false end }),
} })
gate.get("/then", { calls = { a = api:get("/id/a", { when = function() gate.sleep "5ms" return true end }) },
  reply = function(_, got) return { got.a.body.id, api:get("/id/x"):wait().body.id } end })
gate.get("/each", { calls = { it = gate.each("{query.q}", gate.value "{each}", { when = from_query }) }, input = { query = { q = "integer[]", yes = "string?" } } })
gate.get("/fails", { calls = { a = api:get "/delay/500/ok", b = api:get("/id/b", { when = function() gate.fail(403, "not for you") end }) } })
gate.get("/error", { calls = { b = api:get("/id/b", { when = function() return nil + 1 end }) } })
gate.get("/required", { calls = { b = api:get("/id/b", { when = function() return api:get("/status/503"):wait().ok end }) } })
gate.get("/hang", { within = "150ms", calls = { b = api:get("/id/b", { when = function() pcall(function() api:get("/hang"):wait() end) return true end }) } })
gate.get("/sleeps", { calls = { b = api:get("/id/b", { when = function() gate.sleep "9s" return true end }), c = api:get "/hang" } })
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

  it("may wait for calls of its own, several beside each other", function()
    for _ = 1, 10 do
      assert.equal('{"a":{"id":"a"},"b":null,"c":{"id":"c"}}', g:get("/waits").body)
    end
    assert.equal('["a","x"]', g:get("/then").body)
  end)

  it("ends the request when it raises", function()
    local reply = g:get "/fails"
    assert.same({ 403, "not for you" }, { reply.status, reply:json().detail })
    assert.equal(500, g:get("/error").status)
    assert.is_truthy(wait.till(function() return g:log():find("routes.lua:%d+: attempt to perform arithmetic") end, 2000), g:log())
    assert.equal(502, g:get("/required").status)
  end)

  it("cannot outlast its request", function()
    assert.equal(504, g:get("/hang").status)
    local client = require("support.http").connect(g.port)
    client:send "GET /sleeps HTTP/1.1\r\nHost: a\r\n\r\n"
    backend:record_when(function(r) return r.in_flight == 1 end, 3000 * wait.slack)
    client:close()
    assert.equal(0, backend:record_when(function(r) return r.open == 0 end, 3000 * wait.slack).open)
    assert.equal(200, g:get("/plain?yes=1").status)
  end)
end)
