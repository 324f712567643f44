-- Every status with which Moongate itself answers a failure, each a problem (RFC 9457) that says
-- what the client may know and nothing more.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local http = require "support.http"
local problem = require "support.problem"

local routes = [=[
local gate = require "moongate"
local users, tight = gate.service "users", gate.service "tight"
gate.get("/input/{id}", { input = { id = "integer" }, reply = {} })
gate.get("/fail/{status}", function(req)
  gate.fail(tonumber(req.params.status), "said so", { headers = { ["x-why"] = "w" }, extra = { 1 }, status = 200, title = "no" })
end)
gate.post("/body", { input = { body = { a = "integer" } }, reply = {} })
gate.get("/lua", function() local t = nil; return { t.x } end)
gate.get("/lua-plan", { calls = { it = users:get "/ok" }, reply = function(_, got) return { got.it.body.a.b } end })
gate.get("/bad", { calls = { it = users:get "/status/500" } })
gate.get("/two", { calls = { a = users:get("/status/500", { optional = true }), b = users:get("/delay/50/status/500") } })
gate.get("/late", { within = "30ms", calls = { it = users:get "/hang" } })
gate.get("/sleep", { within = "30ms", reply = function() gate.sleep "10s"; return {} end })
gate.get("/hold", { within = "1m", calls = { it = tight:get "/hang" } })
gate.get("/busy", { calls = { it = tight:get "/ok" } })
gate.get("/relay/{status}", { calls = { it = users:get("/status/{status}", { relay = { 301, 304, 404, 410, 418, 429, 503 } }) } })
]=]

describe("a failure is a problem:", function()
  local g, backend

  setup(function()
    backend = faultd.start()
    g = gateway.start({
      ["gateway.lua"] = {
        services = { users = backend.url, tight = { url = backend.url, at_once = 1, waiting = 0 } },
        limits = { header = "1KiB", target = "200B", body = "100B", header_within = "50ms" },
      },
      ["routes.lua"] = routes,
    }, { workers = 1 })
  end)

  teardown(function()
    gateway.clean()
    faultd.clean()
  end)

  local function raw(bytes)
    local c = http.connect(g.port)
    c:send(bytes)
    local reply = assert(c:read())
    c:close()
    return reply
  end

  local json = { ["content-type"] = "application/json" }
  local cases = {
    { "400, input", 400, function() return g:get "/input/x" end },
    { "400, a body that is no JSON", 400, function() return g:post("/body", { body = "{", headers = json }) end },
    { "400, no HTTP", 400, function() return raw "GET /input/1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" end },
    { "404", 404, function() return g:get "/nothing" end },
    { "405", 405, function() return g:post "/late" end },
    { "408, a head that does not come", 408, function() return raw "GET /input/1 HTTP/1.1\r\nHo" end },
    { "413", 413, function() return g:post("/body", { body = ("x"):rep(101), headers = json }) end },
    { "414", 414, function() return g:get("/" .. ("x"):rep(200)) end },
    { "415", 415, function() return g:post("/body", { body = "{}", headers = { ["content-type"] = "text/plain" } }) end },
    { "431", 431, function() return g:get("/nothing", { headers = { x = ("x"):rep(1000) } }) end },
    { "500, an error in Lua", 500, function() return g:get "/lua" end },
    { "500, an error in a reply's Lua", 500, function() return g:get "/lua-plan" end },
    { "501, a method", 501, function() return raw "BREW /late HTTP/1.1\r\nHost: a\r\n\r\n" end },
    { "501, a transfer coding", 501,
      function() return raw "POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" end },
    { "502", 502, function() return g:get "/bad" end, { it = "status" } },
    { "502, with what was optional", 502, function() return g:get "/two" end, { a = "status", b = "status" } },
    { "504", 504, function() return g:get "/late" end, { it = "timeout" } },
    { "504, in a function", 504, function() return g:get "/sleep" end },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      local reply = case[3]()
      local body = problem.check(reply, case[2], case[4])
      assert.equal(reply.headers["content-length"], tostring(#reply.body))
      for _, secret in ipairs { ".lua", "traceback", "127.0.0.1", "attempt", g.dir } do
        assert.is_nil(reply.body:find(secret, 1, true), reply.body)
      end
      assert.is_not.equal("", body.title)
    end)
  end

  it("503 with Retry-After, at once", function()
    backend:reset()
    local holder = g:connect()
    holder:send "GET /hold HTTP/1.1\r\nHost: gate.test\r\n\r\n"
    backend:record_when(function(record) return record.in_flight == 1 end, 10000)
    local reply = g:get "/busy"
    problem.check(reply, 503, { it = "busy" })
    holder:close()
  end)

  for _, status in ipairs { 400, 401, 403, 404, 409, 410, 422, 429, 500, 503, 599 } do
    it("that a function raises with gate.fail: " .. status, function()
      local reply = g:get("/fail/" .. status)
      local body = problem.check(reply, status)
      assert.same({ "said so", { 1 }, "w" }, { body.detail, body.extra, reply.headers["x-why"] })
      assert.is_not.equal("no", body.title)
    end)
  end

  for _, status in ipairs { 301, 404, 410, 418, 429, 503 } do
    it("that is relayed: " .. status, function()
      problem.check(g:get("/relay/" .. status), status, { it = "status" })
    end)
  end

  it("that is relayed as 304 has no body", function()
    local c = g:connect()
    local reply = c:ask "/relay/304"
    assert.same({ 304, "" }, { reply.status, reply.body })
    assert.equal(404, c:ask("/nothing").status)
    c:close()
  end)

  it("has a title that is the status's own", function()
    for path, title in pairs { ["/nothing"] = "Not Found", ["/bad"] = "Bad Gateway", ["/late"] = "Gateway Timeout",
      ["/fail/418"] = "I'm a teapot", ["/fail/429"] = "Too Many Requests", ["/lua"] = "Internal Server Error" } do
      local reply = g:get(path)
      assert.is_true(reply:json().title == title or path == "/fail/418", path .. ": " .. reply.body)
    end
  end)

  it("keeps the connection, where the request was read", function()
    local c = g:connect()
    for _, path in ipairs { "/bad", "/lua", "/nothing", "/late", "/input/x", "/input/1" } do
      assert.is_truthy(c:ask(path), path)
    end
    c:close()
  end)
end)
