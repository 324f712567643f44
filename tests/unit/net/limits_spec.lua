-- Limits and time-outs of the client side, each with its status.
local net = require "unit.net.server"
local wait = require "support.wait"
local serve, serve_in_time = net.serve, net.serve_in_time
local request, chunked, C = net.request, net.chunked, require("ffi").C

-- The reply is read although the client goes on sending after the refusal.
local function refused_with(status, client)
  client:send(("more "):rep(2000))
  local reply = client:reply()
  assert.same({ status, "close" }, { reply.status, reply.fields.connection })
  assert.same({ "", "closed" }, { client:rest() })
end

local function between(from, to, started)
  local ms = (C.client_now() - started) * 1000
  assert.is_true(ms >= from and ms <= to, ("%.0f ms, not %d to %d"):format(ms, from, to))
end

describe("a body", function()
  it("of the most bytes allowed is taken, one more is 413", function()
    serve({}, function(server)
      local client = server:connect()
      for _, bytes in ipairs { request("POST", "/small", {}, ("x"):rep(16)),
                               chunked("/small", ("x"):rep(15), "x") } do
        client:send(bytes)
        assert.equal(("x"):rep(16), client:reply().body)
      end
      client:send(request("POST", "/small", {}, ("x"):rep(17)))
      refused_with(413, client)
      client = server:connect()
      client:send(chunked("/small", ("x"):rep(15), "xx"))
      refused_with(413, client)
      assert.equal(2, server:counts().refused)
      assert.equal(2, server:counts().complete)
    end)
  end)

  it("announced too large is refused before any of it is read", function()
    serve({}, function(server)
      local client = server:connect()
      client:send(request("POST", "/small", { "Content-Length: 17" }))
      assert.equal(413, client:reply().status)
    end)
  end)

  it("that stops coming is 408 after the idle time", function()
    serve_in_time({ body_idle_ms = 150 }, function(server)
      local client = server:connect()
      local started = C.client_now()
      client:send(request("POST", "/echo", { "Content-Length: 10" }) .. "half")
      assert.equal(408, client:reply().status)
      between(100, 1500, started)
      assert.same({ "", "closed" }, { client:rest() })
    end)
  end)

  it("that drips is 408 once it falls behind the rate", function()
    serve_in_time({ body_idle_ms = 100, body_rate = 1000 }, function(server)
      local client = server:connect()
      local started = C.client_now()
      client:send(request("POST", "/echo", { "Content-Length: 100" }))
      for _ = 1, 100 do
        client:send "x"
        if client:read(20) then
          break
        end
      end
      assert.equal(408, client:reply().status)
      between(90, 1000, started)
    end)
  end)

  it("with a broken chunk is 400, and nothing behind it is a request", function()
    serve({}, function(server)
      local client = server:connect()
      client:send(request("POST", "/echo", { "Transfer-Encoding: chunked" }) .. "zz\r\n"
        .. request("GET", "/echo"))
      refused_with(400, client)
      assert.equal(1, server:counts().head)
    end)
  end)
end)

describe("a head", function()
  it("that does not come in time is 408, however it drips", function()
    serve_in_time({ header_ms = 200 }, function(server)
      local client = server:connect()
      local started = C.client_now()
      client:send "GET /echo HTTP/1.1\r\n"
      for _ = 1, 100 do
        client:send "X: y\r\n"
        if client:read(20) then
          break
        end
      end
      local reply = client:reply()
      assert.same({ 408, "close" }, { reply.status, reply.fields.connection })
      between(190, 1500, started)
      assert.equal(1, server:counts().broken)
    end)
  end)

  it("is timed from its first byte, not from the end of the request before", function()
    serve({ header_ms = 200 }, function(server)
      local client = server:connect()
      client:send(request("GET", "/echo"))
      client:reply()
      client:send(request("GET", "/after?300"))
      assert.equal(200, client:reply().status)
      assert.same({ "", "silent" }, { client:rest(300) })
      client:send(request("GET", "/echo"))
      assert.equal(200, client:reply().status)
    end)
  end)

  it("too long is 431, a target too long 414, nonsense 400: answered, and closed", function()
    serve({ header = 1000, target = 100 }, function(server)
      local cases = {
        [431] = request("GET", "/echo", { "X-Long: " .. ("x"):rep(1000) }),
        [414] = request("GET", "/" .. ("x"):rep(100)),
        [400] = "nonsense\r\n\r\n",
      }
      for status, bytes in pairs(cases) do
        local client = server:connect()
        client:send(request("GET", "/echo") .. bytes .. request("GET", "/echo"))
        assert.equal(200, client:reply().status)
        refused_with(status, client)
        client:close()
      end
      assert.equal(3, server:counts().broken)
      assert.equal(3, server:counts().head)
    end)
  end)
end)

describe("an idle connection", function()
  it("is closed without a word, fresh or used", function()
    serve_in_time({ idle_ms = 300 }, function(server)
      local client = server:connect()
      assert.same({ "", "closed" }, { client:rest() })
      client = server:connect()
      local started = C.client_now()
      client:send(request("GET", "/echo"))
      assert.equal(200, client:reply().status)
      assert.same({ "", "closed" }, { client:rest() })
      between(290, 1500, started)
    end)
  end)
end)

describe("after a refusal", function()
  it("what the client still sends is dropped, but not for ever", function()
    serve_in_time({ linger_ms = 150 }, function(server)
      local client = server:connect()
      local started = C.client_now()
      client:send "nonsense\r\n\r\n"
      assert.equal(400, client:reply().status)
      assert.is_true(net.eventually(function()
        client:send "more"
        return server:counts().open == 0
      end))
      between(100, 1500, started)
    end)
  end)

  it("at most 256 KiB are dropped before the close", function()
    serve({}, function(server)
      local client = server:connect()
      client:send "nonsense\r\n\r\n"
      assert.equal(400, client:reply().status)
      client:send(("x"):rep(200 * 1024))
      client:send(("x"):rep(56 * 1024))
      assert.is_false(net.eventually(function() return server:counts().open == 0 end, 50))
      client:send(("x"):rep(1024))
      assert.is_true(net.eventually(function() return server:counts().open == 0 end))
    end)
  end)
end)

describe("a slow reader", function()
  it("is reset when it takes no byte of its reply for the time allowed", function()
    serve_in_time({ write_ms = 200 }, function(server)
      local client = server:connect(4096)
      local started = C.client_now()
      client:send(request("GET", "/big?20000000"))
      assert.is_true(net.eventually(function() return server:counts().gone == 1 end))
      between(190, 1500, started)
      local _, why = client:rest()
      assert.equal("reset", why)
      assert.equal(0, server:counts().sent)
    end)
  end)

  -- It reads for longer than it may be silent, which is more than a busy machine stops it for.
  it("is served as long as it takes some", function()
    local silence = wait.slack == 1 and 600 or 2000
    serve_in_time({ write_ms = silence }, function(server)
      local client = server:connect(65536)
      client:send(request("GET", "/big?20000000"))
      local got, till = 0, C.client_now() + 2 * silence / 1000
      while got < 20000000 do
        assert.is_true(client:read())
        got, client.got = got + #client.got, ""
        if C.client_now() < till then
          C.client_nap(30)
        end
      end
      assert.is_true(C.client_now() > till)
      assert.is_true(net.eventually(function() return server:counts().sent == 1 end))
    end)
  end)
end)
