-- Binding and accepting.
local core = require "support.core"
local net = require "unit.net.server"
local ffi = require "ffi"
local serve, request, C = net.serve, net.request, ffi.C

if not pcall(function() return C.mg_listener_bind end) then
  ffi.cdef [[
    int mg_listener_bind(struct mg_str address, bool shared, struct mg_buf *why);
    bool mg_listener_address(int fd, struct mg_buf *address);
  ]]
end

local function bind(address, shared)
  local why = core.buf()
  local fd = C.mg_listener_bind(core.str(address), shared or false, why)
  return fd, core.text(why)
end

local function address_of(fd)
  local buf = core.buf()
  assert.is_true(C.mg_listener_address(fd, buf))
  return core.text(buf)
end

describe("binding", function()
  it("takes a numeric address, and any free port for port 0", function()
    local fd = bind "127.0.0.1:0"
    assert.truthy(address_of(fd):match "^127%.0%.0%.1:[1-9]%d*$")
    C.client_close(fd)
  end)

  it("takes an IPv6 address in brackets", function()
    local fd, why = bind "[::1]:0"
    if fd < 0 then
      assert.equal("[::1]:0: this machine has no such address", why)
      return
    end
    assert.truthy(address_of(fd):match "^%[::1%]:[1-9]%d*$")
    C.client_close(fd)
  end)

  it("says in plain words what cannot be", function()
    local fd = bind "127.0.0.1:0"
    local taken = address_of(fd)
    assert.same({ -1, taken .. ": the port is in use" }, { bind(taken) })
    C.client_close(fd)
    for _, address in ipairs { "localhost:80", "127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:65536",
                               "::1:80", "[::1]", "[]:80", "", ":", "127.0.0.1:+80", "1.2.3:80", "unix:/a" } do
      assert.same({ -1, address .. ": not an address such as 127.0.0.1:8080 or [::1]:8080" },
        { bind(address) })
    end
    assert.same({ -1, "192.0.2.1:0: this machine has no such address" }, { bind "192.0.2.1:0" })
  end)

  it("shares a port only when all ask for it", function()
    local first = bind("127.0.0.1:0", true)
    local second = bind(address_of(first), true)
    assert.is_true(second >= 0)
    assert.equal(-1, (bind(address_of(first))))
    C.client_close(first)
    C.client_close(second)
  end)
end)

describe("a listener", function()
  it("leaves the socket to its owner when it closes", function()
    serve({}, function(server)
      server:deafen()
      local waiting = server:connect()
      waiting:send(request("GET", "/echo"))
      assert.same({ "", "silent" }, { waiting:rest(50) })
      server:listen()
      assert.equal(200, waiting:reply().status)
    end)
  end)

  it("takes no more connections than the process may have, and goes on when one closes", function()
    serve({ connections = 2 }, function(server)
      local first, second, third = server:connect(), server:connect(), server:connect()
      for _, client in ipairs { first, second, third } do
        client:send(request("GET", "/echo"))
      end
      assert.equal(200, first:reply().status)
      assert.equal(200, second:reply().status)
      assert.same({ "", "silent" }, { third:rest(250) })
      assert.equal(2, server:counts().open)
      first:close()
      assert.equal(200, third:reply().status)
    end)
  end)

  it("does not spin while descriptors are out, and goes on when there are some", function()
    serve({ deaf = true }, function(server)
      for _ = 1, 20 do
        server:connect():send(request("GET", "/echo"))
      end
      C.client_starve(6) -- one is for the listener, one is what libuv keeps in reserve
      local ok, why = pcall(function()
        server:listen()
        assert.is_true(net.eventually(function() return server:counts().sent == 4 end))
        local before = server:cpu()
        C.client_nap(500)
        local used = server:cpu() - before
        assert.is_true(used < 0.05, ("%.3f s of processor time in 0.5 s"):format(used))
        assert.equal(4, server:counts().open)
      end)
      C.client_feed()
      assert.is_true(ok, why)
      for _, client in ipairs(server.clients) do
        assert.equal(200, client:reply().status)
      end
    end)
  end)

  it("leaves nothing behind of ten thousand connections that end in all ways", function()
    serve({ linger_ms = 100 }, function(server)
      local first = server:connect() -- at the first, libuv opens a descriptor to keep
      first:send(request("GET", "/echo", { "Connection: close" }))
      first:rest()
      first:close()
      assert.is_true(net.eventually(function() return server:counts().open == 0 end))
      local before = C.client_descriptors()
      for i = 1, 10000 do
        local client = server:connect()
        local way = i % 5
        client:send(way == 0 and "nonsense\r\n\r\n" or way == 1 and "GET /ec"
          or request("POST", way == 2 and "/never" or "/echo", {}, "body"))
        if way == 3 then
          client:reply()
        end
        if way == 4 then
          client:reset()
        else
          client:close()
        end
        server.clients = {}
      end
      local last = server:connect() -- all others have been accepted when it is answered
      last:send(request("GET", "/echo"))
      last:reply()
      last:close()
      assert.is_true(net.eventually(function() return server:counts().open == 0 end))
      assert.equal(before, C.client_descriptors())
      assert.equal(0, server:counts().requests)
    end)
  end)
end)
