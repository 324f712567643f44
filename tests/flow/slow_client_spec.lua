-- Clients that take their time: each time-out of the client side ends exactly the connection that it
-- is about, with its status, and those that are merely slow are served.
-- Alone: the times at which clients are ended have to be within bounds, from both sides.
local gateway = require "support.gateway"
local http = require "support.http"
local posix = require "support.posix"
local wait = require "support.wait"

local routes = [[
  local gate = require "moongate"
  gate.post("/echo", function(req) return req.text end)
  gate.get("/ok", function() return "ok" end)
  local files = gate.files "f"
  gate.get("/big", function() return files:read("big"):wait().text end)
]]
local big = 6000000 -- more than the kernel takes at once

local function between(from, to, ms)
  assert.is_true(ms >= from and ms <= to * wait.slack,
    ("after %.0f ms, not %d to %d"):format(ms, from, to))
end

local function start(limits)
  return gateway.start { ["gateway.lua"] = { limits = limits, files = { f = "f" } },
    ["routes.lua"] = routes, ["f/big"] = ("x"):rep(big) }
end

describe("a client that", function()
  after_each(gateway.clean)

  -- A machine that stops the gateway or this program for a while breaks a bound, but not each time.
  local function timed(name, body)
    it(name, function() wait.in_time(body) end)
  end

  local function refused(c, from, to)
    local began = posix.now()
    local reply = assert(c:read())
    between(from, to, posix.now() - began)
    assert.same({ 408, "close", "application/problem+json" },
      { reply.status, reply.headers.connection, reply.headers["content-type"] })
    assert.equal("closed", (c:ending()))
  end

  timed("never ends its header section is answered 408 after header_within, however busily it drips", function()
    local g = start { header_within = "200ms", linger = "100ms" }
    local stopped, dripping = g:connect(), g:connect()
    wait.at_once {
      function()
        stopped:send "GET /ok HTTP/1.1\r\nHo"
        refused(stopped, 150, 600)
      end,
      function()
        local began, sent = posix.now(), 0
        dripping:send "GET /ok HTTP/1.1\r\nHost: a\r\n"
        while posix.now() - began < 3000 * wait.slack and dripping.buffer == "" do
          dripping:send "X: y\r\n"
          sent = sent + 1
          dripping:more(posix.now() + 20)
        end
        between(150, 600, posix.now() - began)
        assert.is_true(sent < 50)
        assert.equal(408, dripping:read().status)
      end,
      function()
        wait.sleep(50)
        assert.equal("ok", g:get("/ok").body)
      end,
    }
  end)

  timed("has opened a request on a kept connection has header_within for it, too", function()
    local g = start { header_within = "200ms", idle = "10s", linger = "100ms" }
    local c = g:connect()
    assert.equal("ok", c:ask("/ok").body)
    wait.sleep(300)
    assert.equal("ok", c:ask("/ok").body)
    c:send "G"
    refused(c, 150, 600)
  end)

  it("sends its header section byte by byte is served", function()
    local g = start { header_within = "10s" }
    local c = g:connect()
    c:send(http.request "/ok", 1)
    assert.equal("ok", c:read().body)
  end)

  timed("stops in its body is answered 408 after body_idle", function()
    local g = start { body_idle = "200ms", linger = "100ms" }
    for _, request in ipairs {
      http.request("/echo", { method = "POST", headers = { ["Content-Length"] = "10" } }) .. "half",
      http.request("/echo", { method = "POST", headers = { ["Content-Length"] = "10" } }),
      http.request("/echo", { headers = { ["Transfer-Encoding"] = "chunked" }, body = "5\r\nhel" }),
      http.request("/echo", { headers = { ["Transfer-Encoding"] = "chunked" },
        body = "5\r\nhello\r\n0\r\n" }),
    } do
      local c = g:connect()
      c:send(request)
      refused(c, 150, 600)
    end
  end)

  timed("drips its body below body_rate is answered 408, above it is served", function()
    local g = start { body_idle = "600ms", body_rate = 1000, linger = "100ms" }
    local slow = g:connect()
    slow:send(http.request("/echo", { method = "POST", headers = { ["Content-Length"] = "1000" } }))
    local began = posix.now()
    while posix.now() - began < 3000 * wait.slack and slow.buffer == "" do
      slow:send "x"
      slow:more(posix.now() + 10)
    end
    assert.equal(408, slow:read().status)
    between(500, 1500, posix.now() - began)
    wait.in_time(function()
      local good = g:connect()
      good:send(http.request("/echo", { body = ("y"):rep(10000) }), 250, 20)
      assert.equal(10000, #good:read().body)
    end)
  end)

  timed("asks nothing is closed without a word after idle, before and between requests", function()
    local g = start { idle = "600ms" }
    local new, kept = g:connect(), g:connect()
    assert.equal("ok", kept:ask("/ok").body)
    local began = posix.now()
    for _, c in ipairs { new, kept } do
      local how, bytes = c:ending()
      assert.same({ "closed", "" }, { how, bytes })
    end
    between(300, 1500, posix.now() - began)
  end)

  timed("takes nothing of its reply is cut after write_idle, one that reads slowly is not", function()
    local g = start { write_idle = "700ms" }
    local deaf = g:connect { receive_room = 4096 }
    local slow = g:connect { receive_room = 200000 }
    assert.same({ 200, 200 }, { deaf:ask("/ok").status, slow:ask("/ok").status })
    local before = g:fds()
    wait.at_once {
      function()
        deaf:send(http.request "/big")
        local began = posix.now()
        repeat
          wait.sleep(200) -- counting takes its time, and the slow client must go on
        until g:fds() < before or posix.now() - began > 5000 * wait.slack
        assert.is_true(g:fds() < before, "it was not cut")
        local _, bytes = deaf:ending()
        assert.is_true(#bytes < big)
      end,
      function()
        slow:send(http.request "/big")
        local got, began = 0, posix.now()
        while got < big and posix.now() - began < 8000 * wait.slack do
          local ok, why = slow:more(posix.now() + 1000)
          assert.is_true(ok, why)
          got = got + #slow.buffer
          slow.buffer = ""
          wait.sleep(1)
        end
        assert.is_true(got >= big)
      end,
    }
  end)

  timed("was refused early still reads why, though it goes on sending for linger", function()
    local g = start { body = "1KiB", linger = "300ms" }
    local c = g:connect()
    c:send(http.request("/echo", { method = "POST", headers = { ["Content-Length"] = "200000" } }))
    c:send(("x"):rep(100000), 10000)
    local reply = assert(c:read())
    assert.same({ 413, "close" }, { reply.status, reply.headers.connection })
    c:send(("x"):rep(100000), 10000)
    assert.equal("closed", (c:ending()))
    local endless = g:connect()
    endless:send(http.request("/echo",
      { method = "POST", headers = { ["Content-Length"] = "1000000000" } }))
    local began = posix.now()
    while posix.now() - began < 5000 * wait.slack and endless:send(("x"):rep(1000)) do
      wait.sleep(10)
    end
    between(100, 1500, posix.now() - began)
  end)
end)

describe("100 slow clients", function()
  after_each(gateway.clean)

  it("do not hold up the others", function()
    local g = start { header_within = "400ms", linger = "100ms" }
    wait.below(200, function()
      local slow = {}
      for i = 1, 100 do
        slow[i] = g:connect()
        slow[i]:send "POST /echo HTTP/1.1\r\nHost: a\r\n"
      end
      local times = {}
      for i = 1, 50 do
        times[i] = g:get("/ok").ms
      end
      for i = 1, 100 do
        assert.equal(408, slow[i]:read().status)
        slow[i]:close()
      end
      table.sort(times)
      return times[45]
    end)
  end)
end)
