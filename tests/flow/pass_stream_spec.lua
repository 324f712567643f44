-- What `pass` streams: memory that does not depend on how much, back-pressure both ways, answers that
-- break off, time-outs, clients that leave.
local faultd = require "support.faultd"
local figure = require "support.figure"
local gateway = require "support.gateway"
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local wait = require "support.wait"

local MiB = 1048576
-- What goes through the gateway at once; sanitizers slow it down too much for more.
local LARGE = places.sanitize == "" and 1024 * MiB or 48 * MiB
local KEPT = places.sanitize == "" and 4096 or 65536 -- KiB; sanitizers keep what was freed

local ROUTES = [[
  local gate = require "moongate"
  local api = gate.service "api"
  local pass = api:request("/{rest}", { forward = { query = "*" } })
  gate.route("*", "/pass/{rest...}", { pass = pass })
  gate.route("*", "/brief/{rest...}", { within = "600ms", idle = "900ms", pass = pass })
]]

for _, path in ipairs { "plain", "libcurl" } do
  describe(("pass streams over %s (%d MiB)"):format(path, LARGE / MiB), function()
    local backend, g

    local function start(limits)
      backend = faultd.start()
      g = gateway.start({
        ["gateway.lua"] = { services = { api = { url = backend.url, path = path } },
          limits = limits or { body = "1GiB", body_idle = "5s", body_rate = 0, linger = "200ms", unheard = "500ms" } },
        ["routes.lua"] = ROUTES,
      }, { workers = 1 })
    end

    before_each(function() start() end)
    after_each(gateway.clean)
    after_each(faultd.clean)

    -- Whether everything the gateway held open for requests is closed again.
    local function at_rest(before)
      return wait.till(function() return backend:record().in_flight == 0 and g:fds() <= before end, 3000)
    end

    it("an answer of any size to a client that reads slowly, in the memory of a small one", function()
      local c = g:connect()
      c:ask("/pass/big/1000000")
      local before, most = g:rss(), 0
      c:send(http.request("/pass/big/" .. LARGE))
      local got, why = 0, nil
      while got < LARGE and not why do
        if got < 8 * MiB then -- it takes its time at first
          wait.sleep(got % MiB == 0 and 20 or 1)
        end
        local took
        took, why = c:drop(math.min(LARGE - got, got < 8 * MiB and 65536 or 16 * MiB))
        got, most = got + took, math.max(most, g:rss())
      end
      assert.is_true(got >= LARGE, ("%d bytes, then %s"):format(got, tostring(why)))
      figure.most(24, ("KiB that passing %d MiB takes (%s)"):format(LARGE / MiB, path), most - before, KEPT)
    end)

    it("a body of any size to a backend that reads late, in the memory of a small one", function()
      local c = g:connect()
      c:ask("/pass/sink", { method = "POST", body = ("x"):rep(1000000) })
      local before, most, block = g:rss(), 0, ("x"):rep(4 * MiB)
      c:send(http.request("/pass/sink/300", { method = "POST", headers = { ["Content-Length"] = tostring(LARGE) } }))
      local sent, stood = 0, posix.now()
      while sent < LARGE do
        assert(c:send(sent + #block > LARGE and block:sub(1, LARGE - sent) or block))
        sent, most = sent + #block, math.max(most, g:rss())
        if stood and posix.now() - stood > 250 then
          stood = nil
          assert.is_true(sent < 24 * MiB, sent .. " bytes went to nobody") -- the kernels' buffers
        end
      end
      assert.same({ bytes = LARGE }, c:read():json())
      assert.is_true(most - before < KEPT, ("from %d to %d KiB"):format(before, most))
    end)

    -- Sends a request and says whether what came back could be taken for a whole answer.
    local function looks_whole(target, version)
      local c = g:connect()
      c:send(http.request(target, { version = version }))
      local reply, why = c:read()
      c:close()
      if not reply then
        return false, why
      end
      return reply.status ~= 502 and not reply.cut, reply
    end

    it("no answer that seems whole when the backend dies at any of its bytes", function()
      local body = ("y"):rep(4096)
      local raw = {
        length = "HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n" .. body,
        chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" .. body .. "\r\n0\r\n\r\n",
      }
      local step = places.sanitize == "" and 61 or 397
      for framing, whole in pairs(raw) do
        local targets, head = {}, whole:find("\r\n\r\n", 1, true)
        for at = 0, #whole - 1, step do
          targets[#targets + 1] = at
        end
        for at = head - 2, head + 12 do
          targets[#targets + 1] = at
        end
        for back = 1, 9 do
          targets[#targets + 1] = #whole - back
        end
        for _, at in ipairs(targets) do
          local target = "/pass/die/" .. framing .. "/" .. at
          local seems, reply = looks_whole(target)
          -- libcurl takes a last chunk without its very last byte for one: nothing is missing then.
          assert.is_false(seems and not (path == "libcurl" and #reply.body == 4096), target)
        end
        for _, at in ipairs { head + 4, #whole - 6 } do
          local target = "/pass/die/" .. framing .. "/" .. at
          assert.is_false(looks_whole(target, "HTTP/1.0"), target)
        end
        assert.is_true(looks_whole("/pass/die/" .. framing .. "/" .. #whole), framing)
      end
    end)

    it("an answer that ends with the backend's connection as one whose end is said", function()
      local whole, reply = looks_whole("/pass/eof?body=12345")
      assert.same({ true, "12345", "chunked" }, { whole, reply.body, reply.headers["transfer-encoding"] })
    end)

    it("no longer than within before the head, and idle without progress after it", function()
      wait.below(1200, function()
        local reply = g:get "/brief/hang"
        assert.same({ 504, "timeout" }, { reply.status, reply:json().calls[1].kind })
        assert.is_true(reply.ms >= 590, reply.ms)
        return reply.ms
      end)
      wait.in_time(function() -- the head comes in time
        local reply = g:get "/brief/noend"
        assert.same({ 200, true }, { reply.status, reply.cut ~= nil })
        assert.is_true(reply.ms >= 890 and reply.ms < 1800 * wait.slack, reply.ms)
      end)
      wait.in_time(function()
        local reply = g:get "/brief/drip/120?body=1234567890" -- slow, but it gets on
        assert.same({ 200, "1234567890" }, { reply.status, reply.body })
      end)
    end)

    it("a body for as long as it comes, within counting from its last piece", function()
      wait.in_time(function()
        local c = g:connect()
        c:mark()
        c:send(http.request("/brief/echo", { method = "POST", headers = { ["Content-Length"] = "10" } }))
        c:send("0123456789", 1, 120)
        local reply = c:read()
        assert.same({ 200, "0123456789" }, { reply.status, reply:json().body })
      end)
      assert.equal(504, g:post("/brief/hang", { body = "x" }).status)
    end)

    it("nothing from a client that stops in its body", function()
      gateway.clean()
      start { body_idle = "500ms", body_rate = 0, linger = "200ms" }
      local c = g:connect()
      c:mark()
      c:send(http.request("/pass/echo", { method = "POST", headers = { ["Content-Length"] = "10" } }) .. "half")
      local reply = c:read()
      assert.equal(408, reply.status)
      assert.is_true(reply.ms >= 450, reply.ms)
      assert.is_truthy(wait.till(function() return backend:record().open == 0 end))
      assert.equal(0, backend:record().requests)
    end)

    it("an answer that comes early, and closes then", function()
      g:get "/pass/close"
      local size, before = 4 * MiB, g:fds()
      for _, status in ipairs { 413, 200 } do
        local c = g:connect()
        c:send(http.request("/pass/early/" .. status, { method = "POST",
          headers = { ["Content-Length"] = tostring(size) } }) .. ("x"):rep(100000))
        local reply = c:read()
        assert.same({ status, "early", "close" }, { reply.status, reply.body, reply.headers.connection })
        c:close()
      end
      assert.is_truthy(wait.till(function() return g:fds() <= before end, 10000))
    end)

    it("nothing to a client that has left", function()
      g:get "/pass/close"
      for method, least in pairs { GET = 0, POST = 400 } do -- a POST goes on unheard for a while
        local before, c = g:fds(), g:connect()
        c:send(http.request("/pass/noend", { method = method }))
        c:drop(20)
        local left = posix.now()
        c:close()
        assert.is_truthy(at_rest(before), "it goes on")
        assert.is_true(posix.now() - left >= least, method)
      end
    end)

    it("a body that was cut by its client to nobody, and finishes what was sent whole", function()
      local c = g:connect()
      c:send(http.request("/pass/sink", { method = "POST", headers = { ["Content-Length"] = "100000" } }) .. "begun")
      backend:record_when(function(r) return r.in_flight == 1 end)
      c:close()
      local record = backend:record_when(function(r) return r.open == 0 end, 3000)
      assert.same({ 0, 1 }, { record.open, record.requests })
      assert.is_nil(record.log[1].done)
      gateway.clean()
      start { unheard = "10s" }
      c = g:connect()
      c:send(http.request("/pass/delay/300/ok", { method = "POST", body = "whole" }))
      backend:record_when(function(r) return r.in_flight == 1 end)
      c:close()
      record = backend:record_when(function(r) return r.in_flight == 0 end, 3000)
      assert.is_number(record.log[1].done)
    end)

    it("nothing of a client that breaks off while the backend does not read", function()
      g:get "/pass/close"
      local before, c = g:fds(), g:connect()
      c:send(http.request("/pass/sink/60000", { method = "POST",
        headers = { ["Content-Length"] = tostring(900 * MiB) } }))
      local block = ("x"):rep(65536)
      repeat -- until nobody takes any more
        local sent = posix.send(c.fd, block, 0)
      until not sent and not wait.writable(c.fd, posix.now() + 100)
      c:reset()
      assert.is_truthy(at_rest(before), "it goes on")
    end)

    it("nothing twice: a body goes out once, a request without one is tried again", function()
      g:get "/pass/stale" -- a kept connection that will be closed under the next request
      assert.equal(200, g:get("/pass/ok").status)
      backend:reset()
      g:get "/pass/stale"
      local reply = g:get("/pass/ok", { method = "GET", body = "with a body" })
      assert.is_true(reply.status == 502 or reply.status == 200)
      local sent = 0
      for _, entry in ipairs(backend:record().log) do
        sent = sent + (entry.raw:find("with a body", 1, true) and 1 or 0)
      end
      assert.equal(1, sent)
    end)
  end)
end
