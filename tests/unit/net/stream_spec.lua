-- Bodies that are not kept: each piece of a request's body comes back as it came (/duplex).
local net = require "unit.net.server"
local serve, request, chunked = net.serve, net.request, net.chunked

-- What came is as long as `text` now, and ends like that.
local function await(client, text)
  while #client.got < #text do
    if not client:read() then
      break
    end
  end
  local got = client.got
  client.got = ""
  return got
end

local function head_of(client)
  local head, rest
  repeat
    head, rest = client.got:match "^(.-\r\n\r\n)(.*)$"
  until head or not client:read()
  client.got = rest
  return head
end

describe("a streamed body", function()
  it("is handed over, and a reply written, piece by piece", function()
    serve({}, function(server)
      local client = server:connect()
      client:send "POST /duplex HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello"
      local head = head_of(client)
      assert.truthy(head:find("Transfer-Encoding: chunked", 1, true))
      assert.truthy(head:find("Connection: close", 1, true)) -- it was begun before the body had ended
      assert.equal("5\r\nhello\r\n", await(client, "5\r\nhello\r\n"))
      client:send "world"
      assert.equal("5\r\nworld\r\n0\r\n\r\n", (client:rest()))
      client:close()
    end)
  end)

  it("goes out with its length where that is known", function()
    serve({}, function(server)
      local client = server:connect()
      client:send(chunked("/duplex?11", "hello ", "world"))
      local reply = client:reply()
      assert.same({ 200, "hello world", "11" }, { reply.status, reply.body, reply.fields["content-length"] })
    end)
  end)

  it("keeps the connection when there is none", function()
    serve({}, function(server)
      local client = server:connect()
      for _ = 1, 2 do
        client:send(request("GET", "/duplex"))
        assert.falsy(head_of(client):find "Connection")
        assert.equal("0\r\n\r\n", await(client, "0\r\n\r\n"))
        client:send(request("HEAD", "/duplex?7"))
        assert.truthy(head_of(client):find("Content-Length: 7", 1, true))
      end
    end)
  end)

  it("to HTTP/1.0 ends with the connection", function()
    serve({}, function(server)
      local client = server:connect()
      client:send "POST /duplex HTTP/1.0\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello"
      assert.truthy(head_of(client):find("Connection: close", 1, true))
      assert.same({ "hello", "closed" }, { client:rest() })
    end)
  end)

  it("is cut where less or more comes than was announced, so that it cannot be taken for whole", function()
    for _, length in ipairs { 4, 6 } do
      serve({}, function(server)
        local client = server:connect()
        client:send("POST /duplex?" .. length .. " HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        local got, how = client:rest()
        assert.equal("reset", how)
        assert.is_true(#(got:match "\r\n\r\n(.*)$" or "") < length)
        assert.is_true(net.eventually(function() return server:counts().gone == 1 end))
      end)
    end
  end)

  it("whose client stops is cut when the reply has begun", function()
    serve({ body_idle_ms = 50 }, function(server)
      local client = server:connect()
      client:send "POST /duplex HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello"
      local got = client:rest()
      assert.truthy(got:find("5\r\nhello\r\n", 1, true))
      assert.falsy(got:find("\r\n0\r\n", 1, true))
      assert.is_true(net.eventually(function() return server:counts().gone == 1 end))
    end)
  end)

  it("waits for its reply to be taken, and loses nothing", function()
    serve({}, function(server)
      local client, size, sent = server:connect(4096), 1000000, 0
      client:send(("POST /duplex?%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"):format(size, size))
      local block = ("x"):rep(10000)
      while sent < size do
        assert.is_true(client:send(block))
        sent = sent + #block
      end
      head_of(client)
      assert.equal(size, #await(client, ("x"):rep(size)))
    end)
  end)
end)
