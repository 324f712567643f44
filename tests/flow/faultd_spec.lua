-- The faulty backend itself: what other specs rely on.
local faultd = require "support.faultd"
local http = require "support.http"
local wait = require "support.wait"

describe("faultd", function()
  local backend

  before_each(function()
    backend = faultd.start()
  end)

  after_each(faultd.clean)

  it("answers what the query says, byte for byte", function()
    local reply = http.get(backend.port,
      "/ok?body=%7B%22a%22:1%7D&type=text/plain&header=X-One:%201&header=X-Two:%202&status=201")
    assert.same({ 201, '{"a":1}', "text/plain", "1", "2" }, { reply.status, reply.body,
      reply.headers["content-type"], reply.headers["x-one"], reply.headers["x-two"] })
    assert.same({ id = "42" }, http.get(backend.port, "/id/42"):json())
    assert.equal(404, http.get(backend.port, "/unknown").status)
  end)

  it("keeps connections, and tells one from the next in its record", function()
    local c = http.connect(backend.port)
    assert.equal(200, c:ask("/ok").status)
    assert.equal(503, c:ask("/status/503").status)
    assert.equal(200, http.get(backend.port, "/ok").status)
    c:close()
    local record = backend:record_when(function(r) return r.open == 0 end)
    assert.same({ 3, 2 }, { record.requests, record.connections })
    assert.same({ 0, 0 }, { record.open, record.in_flight })
    assert.equal("GET /ok HTTP/1.1\r\nHost: gate.test\r\n\r\n", record.log[1].raw)
    assert.same({ 1, 1, 2 }, { record.log[1].connection, record.log[2].connection,
      record.log[3].connection })
    assert.same({ "eof", "eof" }, { record.conns[1].how, record.conns[2].how })
  end)

  it("echoes a request whole, however it was cut and whether it was chunked", function()
    local c = http.connect(backend.port)
    local bytes = http.request("/echo?x=1", { method = "PUT", body = "\0\255 body",
      headers = { ["X-A"] = "b" } })
    assert.is_true(c:send(bytes, 1))
    local got = c:read():json()
    assert.same({ "PUT", "/echo?x=1" }, { got.method, got.target })
    assert.same({ { "X-A", "b" }, { "Host", "gate.test" }, { "Content-Length", "7" } }, got.headers)
    c:send("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" ..
      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert.equal("abcde", c:read():json().body)
  end)

  it("counts how many requests were in flight at once, and answers them when it is time", function()
    wait.in_time(function()
      backend:reset()
      local began = wait.now()
      wait.at_once(20, function()
        assert.is_true(http.get(backend.port, "/delay/100/ok").ms >= 100)
      end)
      assert.is_true(wait.now() - began < 1000 * wait.slack)
      assert.equal(20, backend:record().in_flight_most)
    end)
  end)

  it("holds an answer until it is let go", function()
    local held = {}
    for i = 1, 3 do
      held[i] = http.connect(backend.port)
      held[i]:send(http.request("/held/id/" .. i))
      backend:record_when(function(r) return r.in_flight == (i == 3 and 1 or i) end)
      if i == 2 then
        backend:release()
      end
    end
    assert.same({ { id = "1" }, { id = "2" } }, { held[1]:read():json(), held[2]:read():json() })
    assert.is_nil(held[3]:ending(20)) -- it came later
    backend:release()
    assert.same({ id = "3" }, held[3]:read():json())
    assert.equal(0, backend:record().in_flight)
  end)

  it("sees within a millisecond or so when the other side has left", function()
    wait.below(50, function()
      backend:reset()
      local c = http.connect(backend.port)
      c:send(http.request "/hang")
      backend:record_when(function(r) return r.in_flight == 1 end)
      local asked = backend:record()
      c:close()
      local record = backend:record_when(function(r) return r.open == 0 end)
      assert.equal("eof", record.conns[1].how)
      assert.is_nil(record.log[1].done)
      return record.conns[1].closed - asked.now
    end)
  end)

  it("cuts its reply after the bytes asked for, by FIN and by RST", function()
    for _, count in ipairs { 0, 1, 30 } do
      local c = http.connect(backend.port)
      c:send(http.request("/cut/" .. count))
      local how, bytes = c:ending()
      assert.same({ "closed", count }, { how, #bytes })
      c = http.connect(backend.port)
      c:send(http.request("/reset/" .. count))
      assert.equal("reset", (c:ending()))
    end
  end)

  it("lies about lengths and chunks", function()
    local reply = http.get(backend.port, "/length/short")
    assert.same({ "closed", '{"ok":true}' }, { reply.cut, reply.body })
    assert.equal('{"ok"', http.get(backend.port, "/length/long").body)
    assert.equal("malformed length: 11, 12", http.get(backend.port, "/length/dup").cut)
    assert.equal('{"ok":true}', http.get(backend.port, "/chunk/ok").body)
    assert.equal("closed", http.get(backend.port, "/chunk/cut").cut)
    assert.same({ { "X-Trailer", "late" } }, http.get(backend.port, "/chunk/trailer").trailers)
    local c = http.connect(backend.port)
    c:send(http.request "/noend")
    c:more(wait.now() + 10000)
    assert.equal("timeout", c:read({ within = 30 }).cut)
  end)

  it("drips, and sends much", function()
    wait.in_time(function() -- the first byte may be seen late
      local reply = http.get(backend.port, "/drip/5")
      assert.equal('{"ok":true}', reply.body)
      assert.is_true(reply.ms - reply.first_ms >= 45)
    end)
    assert.equal(3000000, #http.get(backend.port, "/big/3000000").body)
    local c = http.connect(backend.port)
    assert.equal(300, #c:ask("/big/300").body)
    assert.equal(300, #c:ask("/big/300").body)
    local chunked = http.get(backend.port, "/bigchunk/70000").body
    assert.same({ 70000, '"xx', 'xx"' }, { #chunked, chunked:sub(1, 3), chunked:sub(-3) })
    assert.equal(5000, #http.get(backend.port, "/header/huge/5000").headers["x-huge"])
    assert.is_true(#http.get(backend.port, "/header/many/300").fields > 300)
  end)

  it("closes a kept connection only when the next request arrives", function()
    local c = http.connect(backend.port)
    assert.equal(200, c:ask("/stale").status)
    assert.is_nil(c:ending(20))
    c:send(http.request "/ok")
    assert.equal("closed", (c:ending()))
    assert.equal(2, backend:record().requests)
  end)

  it("sends exactly the bytes it was given", function()
    local c = http.connect(backend.port)
    c:send(http.request "/raw?bytes=a%00%0d%0ab&close=1")
    local _, bytes = c:ending()
    assert.equal("a\0\r\nb", bytes)
    c = http.connect(backend.port)
    assert.equal(103, (function()
      c:send(http.request "/informed")
      c:read { informed = true }
      return c:read({ informed = true }).status
    end)())
    assert.equal(200, c:read().status)
  end)
end)

describe("a port", function()
  after_each(faultd.clean)

  it("that is closed refuses", function()
    local _, why = http.try_connect(faultd.closed_port())
    assert.equal("refused", why)
  end)

  it("that is mute lets a connection neither succeed nor fail", function()
    local _, why = http.try_connect(faultd.mute_port(), { within = 50 })
    assert.equal("timeout", why)
  end)
end)
