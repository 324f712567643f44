-- A route with `pass`: the client's body goes to the call unread, its answer comes back unread, with
-- its status and headers, over either of the two ways to a service.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local http = require "support.http"
local wait = require "support.wait"

local ROUTES = [[
  local gate = require "moongate"
  local api, gone = gate.service "api", gate.service "gone"
  gate.route("*", "/any/{rest...}", { pass = api:request("/{rest}", { forward = { query = "*" } }) })
  gate.route("*", "/all/{rest...}", {
    pass = api:request("/{rest}", { forward = { headers = "*", query = "*" } }),
  })
  gate.get("/get/{rest...}", { pass = api:get("/{rest}", { forward = { query = "*" } }) })
  gate.post("/put/{rest...}", { pass = api:put("/{rest}", { headers = { ["content-type"] = "a/b" } }) })
  gate.get("/gone", { pass = gone:get "/" })
  gate.post("/checked/{status}", {
    calls = { check = api:get("/status/{status}", { relay = { 403 } }), seen = api:get("/delay/50/id/7"),
      extra = gone:get("/", { optional = true }) },
    pass  = api:post("/echo", { query = { id = "{seen.body.id}" } }),
  })
]]

for _, path in ipairs { "plain", "libcurl" } do
  describe("pass over " .. path, function()
    local backend, g

    before_each(function()
      backend = faultd.start()
      g = gateway.start({
        ["gateway.lua"] = { services = { api = { url = backend.url, path = path },
          gone = { url = "http://127.0.0.1:" .. faultd.closed_port(), path = path } },
          limits = { linger = "50ms" } }, -- or each stop waits for the clients that were refused
        ["routes.lua"] = ROUTES,
      }, { workers = 1 })
    end)

    after_each(gateway.clean)
    after_each(faultd.clean)

    -- What the backend was sent, as its /echo says: fields by their names in lower case.
    local function echo(reply)
      local out = reply:json()
      out.fields = {}
      for _, field in ipairs(out.headers) do
        out.fields[field[1]:lower()] = field[2]
      end
      return out
    end

    it("keeps the method, the query and the body, whatever they are", function()
      for _, method in ipairs { "GET", "POST", "PUT", "PATCH", "DELETE" } do
        local body = method ~= "GET" and "the body of " .. method or nil
        local reply = g:get("/any/echo?a=1&b=%20", { method = method, body = body })
        assert.equal(200, reply.status)
        local out = echo(reply)
        assert.same({ method, "/echo?a=1&b=%20", body or "" }, { out.method, out.target, out.body })
      end
    end)

    it("makes the call's own method of the client's", function()
      local out = echo(g:post("/put/echo", { body = "x" }))
      assert.same({ "PUT", "x", "a/b" }, { out.method, out.body, out.fields["content-type"] })
    end)

    it("passes a chunked body on, as one whose length is not known", function()
      local out = echo(g:post("/any/echo", { headers = { ["Transfer-Encoding"] = "chunked" },
        body = "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Late: 1\r\n\r\n" }))
      assert.same({ "hello world", "chunked" }, { out.body, out.fields["transfer-encoding"] })
      assert.is_nil(out.fields["x-late"])
    end)

    it("sends along of the client's headers what its body needs, and else what forward says", function()
      local sent = { ["Content-Type"] = "image/png", ["Content-Encoding"] = "gzip",
        ["Content-Language"] = "de", ["Content-Range"] = "bytes 0-2/9", Authorization = "Basic x",
        ["X-Mine"] = "1", ["Accept-Encoding"] = "br", Connection = "x-hop", ["X-Hop"] = "1",
        Cookie = "a=b", TE = "trailers" }
      local body = { "content-type", "content-encoding", "content-language", "content-range" }
      local rest = { "authorization", "x-mine", "cookie", "accept-encoding" }
      for prefix, all in pairs { ["/any"] = false, ["/all"] = true } do
        local fields = echo(g:post(prefix .. "/echo", { headers = sent, body = "abc" })).fields
        for _, name in ipairs(body) do
          assert.is_string(fields[name], name)
        end
        for _, name in ipairs(rest) do
          assert.equal(all, fields[name] ~= nil, name)
        end
        assert.same({ "3" }, { fields["content-length"], fields["x-hop"], fields.te })
        assert.is_string(fields["x-request-id"])
      end
    end)

    it("brings back status, headers and body", function()
      local reply = g:get("/get/ok?status=418&type=image/png&body=raw&header=Set-Cookie:%20a%3D1"
        .. "&header=Set-Cookie:%20b%3D2&header=X-Mine:%20yes&header=Date:%20Sun,%2006%20Nov%201994%2008:49:37%20GMT"
        .. "&header=X-Request-Id:%20theirs")
      assert.same({ 418, "image/png", "raw", "yes", "a=1, b=2", "3", "Sun, 06 Nov 1994 08:49:37 GMT" },
        { reply.status, reply.headers["content-type"], reply.body, reply.headers["x-mine"],
          reply.headers["set-cookie"], reply.headers["content-length"], reply.headers.date })
      assert.is_truthy(reply.headers["x-request-id"]:find "^%x+$")
    end)

    it("leaves out of the answer what speaks of the backend's connection", function()
      local names = { "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "TE", "Trailer", "Upgrade",
        "X-Hop" }
      local query = "header=Connection:%20x-hop,%20close"
      for _, name in ipairs(names) do
        query = query .. "&header=" .. name .. ":%201"
      end
      local c = g:connect()
      local reply = c:ask("/get/ok?" .. query .. "&header=X-End:%201")
      for _, name in ipairs(names) do
        assert.is_nil(reply.headers[name:lower()], name)
      end
      assert.same({ "1" }, { reply.headers["x-end"], reply.headers.connection })
      assert.equal(200, c:ask("/get/ok").status) -- their close is not ours
    end)

    it("answers HEAD by a HEAD, without a body", function()
      local c = g:connect()
      local reply = c:ask("/get/ok?body=12345", { method = "HEAD" })
      assert.same({ 200, "5", "" }, { reply.status, reply.headers["content-length"], reply.body })
      assert.equal("ok", c:ask("/get/ok?body=ok").body)
      assert.is_truthy(backend:record().log[1].raw:find "^HEAD /ok%?body=12345 ")
    end)

    it("passes 204 and 304 on without a body", function()
      local c = g:connect()
      for _, status in ipairs { 204, 304, 200 } do
        assert.equal(status, c:ask("/get/ok?status=" .. status).status)
      end
    end)

    it("answers a problem where there is no answer to pass", function()
      local reply = g:get "/gone"
      assert.same({ 502, "application/problem+json", "refused" },
        { reply.status, reply.headers["content-type"], reply:json().calls[1].kind })
      for _, target in ipairs { "/get/reset/20", "/get/cut/0", "/get/garbage", "/get/length/junk" } do
        assert.equal(502, g:get(target).status, target)
      end
    end)

    it("passes large bodies both ways, and keeps the connection", function()
      local c, size = g:connect(), 3000000
      local reply = c:ask("/get/big/" .. size)
      assert.same({ 200, size }, { reply.status, #reply.body })
      reply = c:ask("/any/echo", { method = "POST", body = ("x"):rep(900000) })
      assert.equal(900000, #reply:json().body)
      reply = c:ask("/get/bigchunk/100000")
      assert.same({ 100000, "chunked" }, { #reply.body, reply.headers["transfer-encoding"] })
      assert.equal(200, c:ask("/get/ok").status)
    end)

    it("speaks to HTTP/1.0 as it can", function()
      local reply = g:get("/get/chunk/ok", { version = "HTTP/1.0" })
      assert.same({ 200, '{"ok":true}', "close" },
        { reply.status, reply.body, reply.headers.connection })
      assert.is_nil(reply.headers["transfer-encoding"])
    end)

    it("asks for a body that the client holds back only when the backend takes it", function()
      local c = g:connect()
      c:send(http.request("/any/echo", { method = "POST",
        headers = { Expect = "100-continue", ["Content-Length"] = "5" } }))
      assert.equal(100, c:read({ informed = true }).status)
      c:send "hello"
      assert.equal("hello", c:read():json().body)
      c = g:connect()
      c:send(http.request("/gone", { headers = { Expect = "100-continue", ["Content-Length"] = "5" } }))
      assert.equal(502, c:read({ informed = true }).status)
    end)

    it("begins when all calls have landed, which may refuse it", function()
      local reply = g:post("/checked/200", { body = "let through" })
      assert.same({ 200, "extra=refused", "let through", "/echo?id=7" }, { reply.status,
        reply.headers["moongate-partial"], reply:json().body, reply:json().target })
      backend:reset()
      local c = g:connect()
      c:send(http.request("/checked/403", { method = "POST",
        headers = { Expect = "100-continue", ["Content-Length"] = "5" } }))
      assert.equal(403, c:read({ informed = true }).status) -- its body was not asked for
      assert.equal(502, g:post("/checked/500", { body = "x" }).status)
      for _, entry in ipairs(backend:record().log) do
        assert.is_nil(entry.raw:find "^POST")
      end
    end)

    it("passes chunks of a byte on, both ways", function()
      local letters = ("abcdefghijklmnopqrstuvwxyz"):rep(8)
      local chunks = letters:gsub(".", "1\r\n%0\r\n") .. "0\r\n\r\n"
      local reply = g:post("/any/echo", { headers = { ["Transfer-Encoding"] = "chunked" }, body = chunks })
      assert.equal(letters, reply:json().body)
      local raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" .. chunks
      reply = g:get("/get/raw?bytes=" .. raw:gsub("[^%w]", function(c) return ("%%%02x"):format(c:byte()) end))
      assert.same({ 200, letters }, { reply.status, reply.body })
    end)

    it("holds to limits.body", function()
      assert.equal(413, g:post("/any/echo", { headers = { ["Content-Length"] = "1048577" }, body = "x" }).status)
      assert.equal(0, backend:record().requests)
      local chunks = ("10000\r\n" .. ("x"):rep(65536) .. "\r\n"):rep(17)
      local c = g:connect()
      c:send(http.request("/any/echo", { method = "POST", headers = { ["Transfer-Encoding"] = "chunked" },
        body = chunks }))
      assert.equal(413, c:read().status)
      wait.till(function() return backend:record().open == 0 end)
      assert.equal(0, backend:record().requests) -- none of it was whole
    end)
  end)
end
