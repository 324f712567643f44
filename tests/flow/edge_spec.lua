-- HTTP as a client meets it: methods, versions, forms of the target, keeping and closing connections,
-- Expect, and what every reply carries.
local gateway = require "support.gateway"
local http = require "support.http"

local routes = [[
  local gate = require "moongate"
  gate.get("/ok", function() return "ok" end)
  gate.get("/json", function() return { a = 1 } end)
  gate.get("/template", { reply = { path = "{headers.host}" } })
  gate.post("/echo", function(req) return req.text end)
  gate.put("/only", function() return "put" end)
  gate.delete("/only", function() return "deleted" end)
  gate.get("/where", function(req) return { path = req.path, host = req.host, query = req.query } end)
  gate.get("/empty", function() return gate.reply { status = 204 } end)
  gate.get("/304", function() return gate.reply { status = 304, text = "left out" } end)
  gate.get("/raise", function() error "oops" end)
  gate.get("/fail", function() gate.fail(409, "no") end)
  gate.get("/wait", function() gate.sleep "50ms" return "waited" end)
]]

local g

local function start(limits)
  g = gateway.start { ["gateway.lua"] = { limits = limits or {} }, ["routes.lua"] = routes }
end

-- The bytes of one exchange until the gateway closes.
local function raw(bytes)
  local c = g:connect()
  c:send(bytes)
  local _, got = c:ending()
  c:close()
  return got
end

describe("a method", function()
  setup(function() start() end)
  teardown(gateway.clean)

  it("HEAD has the head of GET, its Content-Length included, and no body", function()
    for _, path in ipairs { "/ok", "/json", "/template", "/raise", "/nowhere" } do
      local c = g:connect()
      local get = c:ask(path, { headers = { ["X-Request-Id"] = "x" } })
      local head = c:ask(path, { method = "HEAD", headers = { ["X-Request-Id"] = "x" } })
      get.headers.date, head.headers.date = nil, nil
      assert.same({ get.status, get.headers }, { head.status, head.headers }, path)
      assert.equal("", head.body)
      assert.is_true(tonumber(head.headers["content-length"]) > 0)
      assert.equal("ok", c:ask("/ok").body)
      c:close()
    end
  end)

  it("OPTIONS says what a path has, OPTIONS * what the server has", function()
    local reply = g:get("/only", { method = "OPTIONS" })
    assert.same({ 204, "PUT, DELETE, OPTIONS", "" },
      { reply.status, reply.headers.allow, reply.body })
    reply = g:get("/ok", { method = "OPTIONS" })
    assert.same({ 204, "GET, HEAD, OPTIONS" }, { reply.status, reply.headers.allow })
    reply = g:get("*", { method = "OPTIONS" })
    assert.equal(204, reply.status)
    for _, method in ipairs { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" } do
      assert.truthy((", " .. reply.headers.allow .. ","):find(", " .. method .. ",", 1, true), method)
    end
    assert.equal(404, g:get("/nowhere", { method = "OPTIONS" }).status)
    assert.equal(400, g:get("*").status)
  end)

  it("that a path has no route for is 405 with Allow, an unknown path 404", function()
    local reply = g:get("/only", { method = "POST" })
    assert.same({ 405, "PUT, DELETE, OPTIONS", "application/problem+json" },
      { reply.status, reply.headers.allow, reply.headers["content-type"] })
    assert.equal(405, g:get("/only", { method = "HEAD" }).status)
    assert.equal(404, g:get("/only/more", { method = "POST" }).status)
  end)

  it("that is none, or CONNECT, is refused", function()
    assert.equal(501, g:get("/ok", { method = "BREW" }).status)
    assert.equal(501, g:get("/ok", { method = "get" }).status)
    for _, target in ipairs { "/ok", "a.test:443" } do
      local reply = g:get(target, { method = "CONNECT" })
      assert.is_true(reply.status >= 400, target)
      assert.equal("close", reply.headers.connection)
    end
    local traced = g:get("/ok", { method = "TRACE" })
    assert.is_true(traced.status >= 400)
    assert.is_nil(traced.body:find("TRACE", 1, true))
  end)
end)

describe("a connection", function()
  setup(function() start { linger = "300ms" } end)
  teardown(gateway.clean)

  it("of HTTP/1.1 is kept unless either side says close", function()
    local c = g:connect()
    for _ = 1, 3 do
      local reply = c:ask "/ok"
      assert.same({ "ok", "HTTP/1.1", nil }, { reply.body, reply.version, reply.headers.connection })
    end
    local reply = c:ask("/ok", { headers = { Connection = "foo, Close" } })
    assert.equal("close", reply.headers.connection)
    assert.equal("closed", (c:ending()))
  end)

  it("of HTTP/1.0 is closed unless the client asks to keep it", function()
    local c = g:connect()
    local reply = c:ask("/ok", { version = "HTTP/1.0", headers = { Connection = "keep-alive" } })
    assert.same({ "ok", "keep-alive", "2" },
      { reply.body, reply.headers.connection, reply.headers["content-length"] })
    reply = c:ask("/ok", { version = "HTTP/1.0", headers = { Host = false } })
    assert.same({ "ok", "close" }, { reply.body, reply.headers.connection })
    assert.equal("closed", (c:ending()))
  end)

  it("of another version is refused", function()
    for _, version in ipairs { "HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3.0" } do
      assert.equal(505, g:get("/ok", { version = version }).status, version)
    end
    for _, version in ipairs { "HTTP/1", "HTTP/11", "http/1.1", "HTTP/1.1 ", "RTSP/1.0", "HTTP/1.10" } do
      assert.equal(400, g:get("/ok", { version = version }).status, version)
    end
    assert.truthy(raw "GET /ok\r\n\r\n":find "^HTTP/1.1 400 ")
    assert.truthy(raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):find "^HTTP/1.1 %d%d%d ")
    assert.truthy(raw("\22\3\1\2\0\1\0\1\252\3\3"):find "^HTTP/1.1 400 ")
  end)

  it("is not upgraded", function()
    local reply = g:get("/ok", { headers = { Connection = "Upgrade", Upgrade = "websocket" } })
    assert.same({ 200, "ok" }, { reply.status, reply.body })
    assert.is_nil(reply.headers.upgrade)
    reply = g:get("/ok", { headers = { Connection = "Upgrade, HTTP2-Settings", Upgrade = "h2c",
      ["HTTP2-Settings"] = "AAMAAABkAAQAAP__" } })
    assert.equal(200, reply.status)
  end)

  it("is closed after a request whose body was not read to its end", function()
    local c = g:connect()
    local reply = c:ask("/nowhere", { method = "POST", headers = { ["Content-Length"] = "500000" } })
    assert.same({ 404, "close" }, { reply.status, reply.headers.connection })
    assert.equal("closed", (c:ending()))
  end)

  it("goes on after a small body that nobody wanted", function()
    local c = g:connect()
    assert.equal(404, c:ask("/nowhere", { method = "POST", body = ("x"):rep(1000) }).status)
    assert.equal("ok", c:ask("/ok").body)
  end)

  it("takes up to two empty lines before a request", function()
    local c = g:connect()
    c:send("\r\n\r\n" .. http.request "/ok")
    assert.equal("ok", c:read().body)
    c:send("\r\n\r\n\r\n" .. http.request "/ok")
    assert.equal(400, c:read().status)
  end)
end)

describe("Expect", function()
  setup(function() start { body = "1KiB", linger = "100ms" } end)
  teardown(gateway.clean)

  local function announce(headers)
    local c = g:connect()
    headers.Expect = headers.Expect or "100-continue"
    c:send(http.request("/echo", { method = "POST", headers = headers }))
    return c
  end

  it("100-continue is answered before the body is sent", function()
    for _, headers in ipairs { { ["Content-Length"] = "5" }, { ["Transfer-Encoding"] = "chunked" } } do
      local chunked = headers["Transfer-Encoding"]
      local c = announce(headers)
      assert.same({ 100, "Continue" },
        (function(r) return { r.status, r.reason } end)(c:read { informed = true }))
      c:send(chunked and "5\r\nhello\r\n0\r\n\r\n" or "hello")
      local reply = c:read { informed = true }
      assert.same({ 200, "hello" }, { reply.status, reply.body })
      assert.equal("ok", c:ask("/ok").body)
    end
  end)

  it("100-continue gets no 100 when the answer is known", function()
    local c = announce { ["Content-Length"] = "1025" }
    assert.equal(413, c:read({ informed = true }).status)
    c = g:connect()
    c:send(http.request("/nowhere", { method = "POST", headers = { Expect = "100-continue",
      ["Content-Length"] = "5" } }))
    assert.equal(404, c:read({ informed = true }).status)
  end)

  it("100-continue gets no 100 when the body is there, has no body, or is of HTTP/1.0", function()
    local c = g:connect()
    c:send(http.request("/echo", { body = "hello", headers = { Expect = "100-continue" } }))
    assert.equal(200, c:read({ informed = true }).status)
    assert.equal(200, c:ask("/ok", { headers = { Expect = "100-continue" } }).status)
    c:send(http.request("/echo", { version = "HTTP/1.0", body = "hello",
      headers = { Expect = "100-continue" } }))
    assert.equal(200, c:read({ informed = true }).status)
  end)

  it("of anything else is 417", function()
    local c = announce { ["Content-Length"] = "5", Expect = "100-continue, more" }
    assert.equal(417, c:read({ informed = true }).status)
    c = announce { ["Content-Length"] = "5", Expect = "200-ok" }
    assert.equal(417, c:read({ informed = true }).status)
  end)
end)

describe("a target", function()
  setup(function() start() end)
  teardown(gateway.clean)

  it("in absolute form names host and path", function()
    local got = g:get("http://Other.Test:81/where?a=b", { headers = { Host = "ignored.test" } }):json()
    assert.same({ path = "/where", host = "other.test", query = { a = "b" } }, got)
    assert.equal(404, g:get("http://other.test").status)
    assert.equal(404, g:get("http://other.test?x").status)
    assert.equal(204, g:get("http://other.test", { method = "OPTIONS" }).status)
    for _, target in ipairs { "http://", "http:///ok", "ftp://a/ok", "//", "http://a b/ok", "http://u@a/ok",
      "http://a:99999/ok" } do
      local reply = g:get(target)
      assert.is_true(reply.status == 400 or (target == "//" and reply.status == 404),
        target .. " " .. reply.status)
    end
  end)

  it("with a fragment, a space, a control or a byte beyond ASCII is refused", function()
    for _, target in ipairs { "/ok#f", "/o k", "/ok\t", "/ok\0", "/caf\195\169", "/\127", "ok", "?a", "\\ok" } do
      assert.equal(400, g:get(target).status, target)
    end
  end)

  it("is found by its decoded path; one with a broken escape or an escaped slash is none", function()
    assert.equal("ok", g:get("/%6f%6B").body)
    for _, target in ipairs { "/ok%", "/ok%0", "/ok%zz", "/%00", "/ok%2f", "/ok/", "//ok", "/./ok",
      "/x/../ok", "/%2e/ok" } do
      local status = g:get(target).status
      assert.is_true(status == 400 or status == 404, target .. ": " .. status)
    end
  end)
end)

describe("every reply", function()
  setup(function() start { body = "1KiB", header = "1KiB", linger = "100ms" } end)
  teardown(gateway.clean)

  local requests = {
    http.request "/ok", http.request "/json", http.request "/template", http.request "/empty",
    http.request "/304", http.request "/raise", http.request "/fail", http.request "/wait",
    http.request "/nowhere", http.request("/ok", { method = "PUT" }),
    http.request("/ok", { method = "OPTIONS" }), http.request("*", { method = "OPTIONS" }),
    http.request("/echo", { body = ("x"):rep(1025) }),
    http.request("/echo", { body = "zz\r\n", headers = { ["Transfer-Encoding"] = "chunked" } }),
    http.request("/echo", { body = "x", headers = { Expect = "more" } }),
    http.request("/ok", { headers = { Host = false } }),
    http.request("/ok", { headers = { ["X-Long"] = ("x"):rep(1024) } }),
    http.request("/" .. ("x"):rep(10000)),
    http.request("/ok", { method = "BREW" }),
    http.request("/ok", { version = "HTTP/9.9" }),
    "junk\r\n\r\n", "\0\0\0\0",
  }

  it("has a Date and an X-Request-Id, each its own, and problems name it", function()
    local seen = {}
    for _, bytes in ipairs(requests) do
      local c = g:connect()
      c:send(bytes)
      local reply = assert(c:read())
      local place = bytes:sub(1, 60) .. " -> " .. reply.status
      local id = reply.headers["x-request-id"]
      assert.truthy(id and id:find "^[%w._-]+$", place)
      assert.is_nil(seen[id], place)
      seen[id] = true
      assert.truthy(reply.headers.date:find "^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$", place)
      if reply.status >= 400 then
        assert.same({ "application/problem+json", reply.status, id },
          { reply.headers["content-type"], reply:json().status, reply:json().request_id }, place)
      end
      c:close()
    end
  end)

  it("keeps the client's X-Request-Id where it is sound, and has its own where it is not", function()
    for _, id in ipairs { "a", "A.b_c-9", ("x"):rep(64) } do
      assert.equal(id, g:get("/ok", { headers = { ["X-Request-Id"] = id } }).headers["x-request-id"])
      assert.equal(id, g:get("/nowhere", { headers = { ["X-Request-Id"] = id } }):json().request_id)
    end
    for _, id in ipairs { "", " ", "a b", "a,b", '"a"', "a\tb", "a;b", "\195\169", ("x"):rep(65), "a=b" } do
      local reply = g:get("/ok", { headers = { ["X-Request-Id"] = id } })
      assert.equal(200, reply.status)
      assert.not_equal(id, reply.headers["x-request-id"])
      assert.truthy(reply.headers["x-request-id"]:find "^%x+$")
    end
    local twice = g:get("/ok", { headers = { { "X-Request-Id", "a" }, { "X-Request-Id", "b" } } })
    assert.truthy(twice.headers["x-request-id"]:find "^%x%x%x%x+$")
    assert.is_nil(twice.headers["x-request-id"]:find(",", 1, true))
  end)

  it("of 204 and 304 has no body and no Content-Length of one", function()
    local c = g:connect()
    for _, path in ipairs { "/empty", "/304" } do
      local reply = c:ask(path)
      assert.same({ "", nil, nil },
        { reply.body, reply.headers["content-length"], reply.headers["transfer-encoding"] })
    end
    assert.equal("ok", c:ask("/ok").body)
  end)
end)
