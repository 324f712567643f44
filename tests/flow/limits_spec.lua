-- Each limit on what a client sends, through the whole gateway: as much as is allowed is served, one
-- byte, field or connection more is refused with its own status.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local http = require "support.http"
local wait = require "support.wait"

local routes = [[
  local gate = require "moongate"
  gate.post("/echo", function(req) return req.text end)
  gate.get("/ok", function() return "ok" end)
  gate.get("/query", function(req) return req.query end)
  gate.get("/template", { reply = { first = "{query.a0}" } })
  gate.post("/form", function(req) return req.form end)
  gate.post("/json", function(req) return gate.json.encode(req.body) end)
  gate.post("/whole", { reply = { got = "{body}" } })
  gate.post("/declared", { input = { body = { a = "any?" } }, reply = { got = "{body}" } })
]]

local limits = {
  body = "1KiB", header = "1KiB", headers = 8, target = "64B", trailer = "32B", extensions = "16B",
  fields = 3, requests = 4,
}

local function chunked(...)
  local parts = {}
  for _, chunk in ipairs { ... } do
    parts[#parts + 1] = ("%x\r\n%s\r\n"):format(#chunk, chunk)
  end
  return table.concat(parts) .. "0\r\n\r\n"
end

local function problem(status, reply)
  assert.same({ status, "application/problem+json", status },
    { reply.status, reply.headers["content-type"], reply:json().status })
end

-- The reply to these bytes, each on a connection of its own, and whether it was kept open.
local function answer(g, bytes)
  local c = g:connect()
  c:send(bytes)
  local reply = assert(c:read())
  local open = reply.headers.connection ~= "close"
  c:close()
  return reply, open
end

describe("a request that is as large as it may be is served, one byte more is refused:", function()
  local g

  setup(function()
    g = gateway.start { ["gateway.lua"] = { limits = limits }, ["routes.lua"] = routes }
  end)

  teardown(gateway.clean)

  -- at(size) makes a request whose measured part has that size.
  local function edge(size, status, at)
    local good, open = answer(g, at(size))
    assert.same({ 200, true }, { good.status, open }, good.body)
    local bad
    bad, open = answer(g, at(size + 1))
    problem(status, bad)
    assert.is_false(open, "the connection of a request that was refused goes on")
    return good, bad
  end

  it("a body with Content-Length, 413", function()
    local good = edge(1024, 413, function(size)
      return http.request("/echo", { body = ("x"):rep(size) })
    end)
    assert.equal(1024, #good.body)
  end)

  it("a chunked body, 413", function()
    edge(1024, 413, function(size)
      return http.request("/echo", { body = chunked(("x"):rep(1000), ("y"):rep(size - 1000)),
        headers = { ["Transfer-Encoding"] = "chunked" } })
    end)
  end)

  it("a body that is announced too large, 413 before a byte of it is sent", function()
    local reply = answer(g, http.request("/echo",
      { method = "POST", headers = { ["Content-Length"] = "1025" } }))
    problem(413, reply)
    reply = answer(g, http.request("/echo",
      { method = "POST", headers = { ["Content-Length"] = "18446744073709551615" } }))
    problem(413, reply)
  end)

  it("a header section, request line included, 431", function()
    edge(1024, 431, function(size)
      local bare = "GET /ok HTTP/1.1\r\nHost: a\r\nX-Fill: \r\n\r\n"
      return (bare:gsub("X%-Fill: ", "X-Fill: " .. ("v"):rep(size - #bare)))
    end)
  end)

  it("a number of header fields, 431", function()
    edge(8, 431, function(size)
      return "GET /ok HTTP/1.1\r\nHost: a\r\n" .. ("X: v\r\n"):rep(size - 1) .. "\r\n"
    end)
  end)

  it("a target, 414", function()
    edge(64, 414, function(size)
      return http.request("/ok?" .. ("q"):rep(size - #"/ok?"))
    end)
  end)

  it("a target that is longer than the whole header section may be, 414", function()
    for _, size in ipairs { 1000, 1024, 2000, 100000 } do
      local reply = answer(g, http.request("/ok?" .. ("q"):rep(size)))
      problem(414, reply)
    end
  end)

  it("trailer fields, 431", function()
    edge(32, 431, function(size)
      return http.request("/echo", { headers = { ["Transfer-Encoding"] = "chunked" },
        body = "1\r\nx\r\n0\r\nX-T: " .. ("t"):rep(size - #"X-T: \r\n") .. "\r\n\r\n" })
    end)
  end)

  it("chunk extensions of a request, 400", function()
    edge(16, 400, function(size)
      return http.request("/echo", { headers = { ["Transfer-Encoding"] = "chunked" },
        body = "1;a=1\r\nx\r\n0;b=" .. ("e"):rep(size - #";a=1;b=") .. "\r\n\r\n" })
    end)
  end)

  it("fields of a query, 400", function()
    local good = answer(g, http.request "/query?a0=1&a1=2&a2=3")
    assert.same({ a0 = "1", a1 = "2", a2 = "3" }, good:json())
    problem(400, (answer(g, http.request "/query?a0=1&a1=2&a2=3&a3=4")))
  end)

  it("fields of a query that only a template reads, 400", function()
    assert.same({ first = "1" }, answer(g, http.request "/template?a0=1&a1=2&a2=3"):json())
    problem(400, (answer(g, http.request "/template?a0=1&a1=2&a2=3&a3=4")))
    local broken = answer(g, http.request "/template?a0=%zz")
    problem(400, broken)
    assert.same({ { at = "query", detail = "cannot be read" } }, broken:json().errors)
  end)

  it("fields of a form, 400", function()
    local good = answer(g, http.request("/form", { body = "a=1&b=2&c=3" }))
    assert.same({ a = "1", b = "2", c = "3" }, good:json())
    problem(400, (answer(g, http.request("/form", { body = "a=1&b=2&c=3&d=4" }))))
  end)

  it("keys of an object in a JSON body, 400", function()
    local function sent(path, json)
      return (answer(g, http.request(path, { body = json, headers = { ["Content-Type"] = "application/json" } })))
    end
    local good = '{"a":[{"a":1,"b":{"a":1,"b":[{"a":":"},{"a":2}],"c":"\\":{"},"c":3}],"b":{"a":1,"b":2,"\\"":3}}'
    local bad = '{"a":[{"a":1,"b":{"a":1,"b":2,"c":3,"d":4}}]}'
    for _, path in ipairs { "/json", "/whole", "/declared" } do
      assert.equal(200, sent(path, good).status, path)
      local reply = sent(path, bad)
      problem(400, reply)
      assert.equal("an object of the body has too many keys", reply:json().detail, path)
    end
  end)

  it("the nesting of JSON, 400", function()
    local function nested(depth)
      return http.request("/json", { body = ("["):rep(depth) .. ("]"):rep(depth),
        headers = { ["Content-Type"] = "application/json" } })
    end
    assert.equal(("["):rep(128) .. ("]"):rep(128), answer(g, nested(128)).body)
    problem(400, (answer(g, nested(129))))
    local deep = ('{"a":'):rep(129) .. "1" .. ("}"):rep(129)
    problem(400, (answer(g, http.request("/json", { body = deep }))))
    problem(400, (answer(g, http.request("/whole", { body = deep }))))
    assert.equal('{"got":null}', answer(g, http.request("/whole", { body = "" })).body)
  end)

  it("requests on one connection: the last one says that it is", function()
    local c = g:connect()
    for i = 1, 3 do
      local reply = c:ask "/ok"
      assert.same({ 200, nil }, { reply.status, reply.headers.connection }, "request " .. i)
    end
    c:send(http.request "/ok" .. http.request "/ok")
    local last = c:read()
    assert.same({ 200, "close" }, { last.status, last.headers.connection })
    local how, rest = c:ending()
    assert.same({ "closed", "" }, { how, rest })
  end)

  it("and the gateway still serves after all that", function()
    assert.equal("ok", g:get("/ok").body)
  end)
end)

describe("bytes read ahead of a request in work are bounded", function()
  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  it("and what does not fit is served all the same, later", function()
    local backend = faultd.start()
    local g = gateway.start {
      ["gateway.lua"] = { services = { slow = backend.url }, limits = { pipelined = "1KiB" } },
      ["routes.lua"] = [[
        local gate = require "moongate"
        gate.get("/slow", { calls = { s = gate.service("slow"):get "/delay/200/ok" } })
        gate.get("/n/{n}", function(req) return req.params.n end)
      ]],
    }
    local count, bytes = 200, { http.request "/slow" }
    for i = 1, count do
      bytes[#bytes + 1] = http.request("/n/" .. i)
    end
    local c = g:connect()
    c:send(table.concat(bytes))
    assert.equal(200, c:read().status)
    for i = 1, count do
      assert.equal(tostring(i), c:read().body)
    end
  end)
end)

describe("requests in work at once", function()
  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  it("beyond at_once are answered 503 with Retry-After, and no longer when one has ended", function()
    local backend = faultd.start()
    local g = gateway.start({
      ["gateway.lua"] = { services = { slow = backend.url }, limits = { at_once = 2 } },
      ["routes.lua"] = [[
        local gate = require "moongate"
        gate.get("/slow", { calls = { s = gate.service("slow"):get "/held/ok" } })
        gate.get("/ok", function() return "ok" end)
      ]],
    }, { workers = 2 })
    local held = { g:connect(), g:connect() }
    for _, c in ipairs(held) do
      c:send(http.request "/slow")
    end
    backend:record_when(function(record) return record.in_flight == 2 end)
    local kept = g:connect()
    local reply = kept:ask "/ok"
    problem(503, reply)
    assert.equal("1", reply.headers["retry-after"])
    backend:release()
    for _, c in ipairs(held) do
      assert.equal(200, c:read().status)
    end
    -- A request ends a moment after its reply was sent.
    assert.is_true(wait.till(function() return kept:ask("/ok").body == "ok" end))
  end)
end)

describe("connections", function()
  after_each(gateway.clean)

  it("beyond the limit wait until one of the others has closed", function()
    local g = gateway.start({
      ["gateway.lua"] = { limits = { connections = 3 } },
      ["routes.lua"] = [[require("moongate").get("/ok", function() return "ok" end)]],
    }, { workers = 2 })
    local held = {}
    for i = 1, 3 do
      held[i] = g:connect()
      assert.equal(200, held[i]:ask("/ok").status)
    end
    local waiting = g:connect() -- the kernel takes it
    waiting:send(http.request "/ok")
    local _, why = waiting:read { within = 150 / wait.slack }
    assert.equal("timeout", why)
    held[1]:close()
    assert.equal("ok", waiting:read().body)
    assert.equal("ok", held[2]:ask("/ok").body)
    assert.truthy(wait.till(function() return g:log():find("as many connections as there may be", 1, true) end))
  end)
end)
