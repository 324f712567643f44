-- Groups: prefixes and what routes take over from them; and routes for some hosts only.
local gateway = require "support.gateway"
local problem = require "support.problem"

local routes = [=[
local gate = require "moongate"
local slow = function() return { value = gate.value(1, { delay = "10s" }) } end

gate.group("/api", { within = "30ms", input = { query = { q = { "integer", default = 7 } } } }, function(api)
  api.get("/x", { reply = { at = "x", q = "{query.q}" } })
  api.post("/x", { reply = { at = "post" } })
  api.get("", { reply = { at = "api" } })
  api.get("/", { reply = { at = "api/" } })
  api.get("/late", { calls = slow() })
  api.get("/{rest...}", function(req) return { rest = req.params.rest } end)
  api.group("/v1/{tenant}", { input = { tenant = "integer", headers = { ["x-key"] = "string" } } }, function(v1)
    v1.get("/{id}", { input = { id = "integer", query = { q = "string" } },
      reply = { tenant = "{tenant}", id = "{id}", q = "{query.q}", key = "{headers.x-key}" } })
    v1.route("*", "/any", function(req) return { method = req.method, tenant = req.params.tenant } end)
  end)
  api.group("/slow", { within = "5s" }, function(inner)
    inner.get("/late", { within = "20ms", calls = slow() })
    inner.get("/soon", { calls = { value = gate.value("soon", { delay = "60ms" }) }, reply = "{value.body}" })
  end)
end)
gate.group("/none", function(none) none.get("/x", { reply = "none" }) end)
gate.group("/small", { limits = { body = "4B", fields = 1 } }, function(small)
  small.post("/a", function(req) return req.text end)
  small.post("/b", { limits = { body = "8B" }, reply = function(req) return req.text .. #req.query.a end })
end)

gate.get("/who", { reply = "anybody" })
gate.get("/only-any", { reply = "anybody" })
gate.group("", { host = "{tenant}.Example.com" }, function(tenants)
  tenants.get("/who", { reply = { tenant = "{tenant}" } })
  tenants.get("/fn/{id}", function(req) return { req.params.tenant, req.params.id, req.host } end)
  tenants.get("/there", { reply = "a tenant" })
  tenants.get("/admin", { host = "admin.example.com", reply = "admin only" })
end)
gate.get("/who", { host = "admin.example.com", reply = "admin" })
gate.post("/there", { host = "admin.example.com", reply = "admin" })
gate.get("/number", { host = "{n}.number.test", input = { n = "integer" }, reply = { n = "{n}" } })
]=]

local g

describe("a group", function()
  setup(function() g = gateway.start { ["routes.lua"] = routes } end)
  teardown(gateway.clean)

  it("puts its prefix before the paths of its routes", function()
    assert.same({ at = "x", q = 7 }, g:get("/api/x"):json())
    assert.same({ at = "post" }, g:post("/api/x"):json())
    assert.same({ at = "api" }, g:get("/api"):json())
    assert.same({ at = "api/" }, g:get("/api/"):json())
    assert.same({ rest = "a/b" }, g:get("/api/a/b"):json())
    assert.equal('"none"', g:get("/none/x").body)
    problem.check(g:get("/x"), 404)
  end)

  it("gives its routes its time, unless what is nearer says otherwise", function()
    assert.equal(504, g:get("/api/late").status)
    assert.equal(504, g:get("/api/slow/late").status)
    assert.equal('"soon"', g:get("/api/slow/soon").body)
  end)

  it("gives its routes its input, and parameters of its prefix", function()
    local reply = g:get("/api/v1/3/4?q=five", { headers = { ["x-key"] = "k" } })
    assert.same({ tenant = 3, id = 4, q = "five", key = "k" }, reply:json())
    assert.same({ method = "PUT", tenant = 3 }, g:get("/api/v1/3/any", { method = "PUT", headers = { ["x-key"] = "k" } }):json())
    local wrong = problem.check(g:get("/api/v1/x/y"), 400)
    local at = {}
    for i, one in ipairs(wrong.errors) do
      at[i] = one.at
    end
    table.sort(at)
    assert.same({ "headers.x-key", "id", "query.q", "tenant" }, at)
  end)

  it("gives its routes its limits, one by one", function()
    assert.equal("1234", g:post("/small/a", { body = "1234" }).body)
    problem.check(g:post("/small/a", { body = "12345" }), 413)
    assert.equal("123456781", g:post("/small/b?a=1", { body = "12345678" }).body)
    problem.check(g:post("/small/b?a=1&b=2", { body = "1" }), 400)
  end)
end)

describe("a host", function()
  setup(function() g = gateway.start { ["routes.lua"] = routes } end)
  teardown(gateway.clean)

  local function at(host, path, method)
    return g:get(path, { method = method, headers = { Host = host } })
  end

  it("narrows routes: the exact one first, then a pattern, then any", function()
    assert.equal('"admin"', at("admin.example.com", "/who").body)
    assert.same({ tenant = "blue" }, at("blue.example.com", "/who"):json())
    assert.same({ tenant = "blue" }, at("BLUE.example.COM:8080", "/who"):json())
    assert.equal('"anybody"', at("example.com", "/who").body)
    assert.equal('"anybody"', at("a.b.example.com", "/who").body)
    assert.equal('"anybody"', at("blue.example.com", "/only-any").body)
    assert.equal('"admin only"', at("admin.example.com", "/admin").body)
    problem.check(at("blue.example.com", "/admin"), 404)
  end)

  it("brings parameters", function()
    assert.same({ "blue", "7", "blue.example.com" }, at("blue.example.com", "/fn/7"):json())
    assert.same({ n = 12 }, at("12.number.test", "/number"):json())
    problem.check(at("x.number.test", "/number"), 400)
  end)

  it("has routes that others do not have", function()
    problem.check(at("other.test", "/there"), 404)
    problem.check(at("other.test", "/fn/7"), 404)
    assert.equal("GET, HEAD, OPTIONS", at("blue.example.com", "/there", "PUT").headers.allow)
    assert.equal("GET, HEAD, POST, OPTIONS", at("admin.example.com", "/there", "PUT").headers.allow)
  end)
end)
