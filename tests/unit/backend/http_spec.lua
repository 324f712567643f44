package.path = package.path .. ";" .. (require "support.places").checkout .. "/tests/unit/backend/?.lua"
local world = require "http_world"
local wait = require "support.wait"
local C = world.C
local fake, service, ask, answer, url = world.fake, world.service, world.ask, world.answer, world.url

local OK = answer("200 OK", "hello")

-- What one call to a backend that answers with `bytes` and then does `after` ends with.
local function against(bytes, after, call)
  return ask(service(url(fake { { bytes, after = after } })), call)
end

local describe = world.over_both(describe, before_each)

describe("a call to an HTTP service", function()
  after_each(world.close)

  it("brings the status, the headers and the body", function()
    local got = against(answer("200 OK", "hello", { "X-A: 1", "Set-Cookie: a=1", "Set-Cookie: b=2" }))
    assert.equal("ok", got.error)
    assert.equal(200, got.status)
    assert.equal("hello", got.body)
    assert.is_false(got.json)
    assert.same({ "Content-Length: 5", "X-A: 1", "Set-Cookie: a=1", "Set-Cookie: b=2" }, got.headers)
  end)

  it("leaves headers that speak of the connection out", function()
    local got = against(answer("200 OK", "", { "Connection: close, X-Own", "X-Own: 1", "Keep-Alive: x",
        "X-B: 2" }))
    assert.same({ "Content-Length: 0", "X-B: 2" }, got.headers)
  end)

  it("does not fail for a status", function()
    for status, words in pairs { [404] = "404 Not Found", [500] = "500 Oops", [301] = "301 Moved" } do
      local got = against(answer(words, "x", { "Location: /elsewhere" }))
      assert.same({ "ok", status, "x" }, { got.error, got.status, got.body })
    end
  end)

  it("reads chunked bodies, with trailers, and bodies that end with the connection", function()
    local chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    local got = against(chunked .. "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-T: 1\r\n\r\n")
    assert.same({ "ok", "hello", {} }, { got.error, got.body, got.headers })
    got = against("HTTP/1.0 200 OK\r\n\r\nhello", "close")
    assert.same({ "ok", "hello" }, { got.error, got.body })
  end)

  it("takes no notice of 1xx answers", function()
    local got = against("HTTP/1.1 103 Early Hints\r\nX-E: 1\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" .. OK)
    assert.same({ "ok", 200, "hello", { "Content-Length: 5" } }, { got.error, got.status, got.body,
        got.headers })
  end)

  it("expects no body after HEAD, 204 and 304", function()
    local head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n"
    local got = against(head, "keep", { method = "HEAD" })
    assert.same({ "ok", "" }, { got.error, got.body })
    for _, words in ipairs { "204 No Content", "304 Not Modified" } do
      got = against("HTTP/1.1 " .. words .. "\r\nContent-Length: 5\r\n\r\n")
      assert.same({ "ok", "" }, { got.error, got.body })
    end
  end)

  it("knows JSON by its Content-Type", function()
    for _, kind in ipairs {
      "application/json", "Application/JSON; charset=utf-8", "application/problem+json",
    } do
      local got = against(answer("200 OK", "[1]", { "Content-Type: " .. kind }))
      assert.same({ "ok", true, "[1]" }, { got.error, got.json, got.body })
    end
    assert.is_false(against(answer("200 OK", "[1]", { "Content-Type: text/plain" })).json)
  end)

  it("sends the path, the headers and the body as they are given, and nothing of its own", function()
    local backend = fake { OK }
    ask(service(url(backend) .. "/base/"), {
      method = "PUT", path = "/a/../b?x=%20", body = "data",
      headers = { { "User-Agent", "Moongate/1" }, { "X-Empty", "" }, { "accept", "text/plain" } },
    })
    local host = ("127.0.0.1:%d"):format(C.fake_port(backend))
    assert.equal("PUT /base/a/../b?x=%20 HTTP/1.1\r\nHost: " .. host .. "\r\nUser-Agent: Moongate/1\r\n" ..
      "X-Empty:\r\naccept: text/plain\r\nContent-Length: 4\r\n\r\ndata", world.received(backend))
  end)

  it("sends Content-Length: 0 with an unsafe method that should have a body, and none with a GET",
      function()
    local backend = fake { OK }
    local users = service(url(backend))
    ask(users, { method = "POST" })
    ask(users, { method = "GET", headers = { { "Host", "users.test" } } })
    local host = ("127.0.0.1:%d"):format(C.fake_port(backend))
    assert.equal("POST / HTTP/1.1\r\nHost: " .. host .. "\r\nAccept: */*\r\nContent-Length: 0\r\n\r\n" ..
      "GET / HTTP/1.1\r\nHost: users.test\r\nAccept: */*\r\n\r\n", world.received(backend))
  end)

  it("drops framing headers of the call, since the framing is not its own", function()
    local backend = fake { OK }
    ask(service(url(backend)), {
      method = "POST", body = "data",
      headers = { { "Content-Length", "99" }, { "Transfer-Encoding", "chunked" }, { "Connection", "x-a" },
                  { "X-A", "1" }, { "Expect", "100-continue" }, { "Upgrade", "h2c" } },
    })
    local text = world.received(backend)
    for _, word in ipairs { "Length: 99", "hunked", "X-A", "Expect", "h2c" } do
      assert.is_nil(text:find(word, 1, true))
    end
    assert.is_truthy(text:find "Content%-Length: 4\r\n\r\ndata$")
  end)

  it("sends large bodies without waiting for a 100", function()
    local body = ("0123456789abcdef"):rep(131072) -- 2 MiB
    wait.below(1000, function()
      local backend = fake { OK }
      local got = ask(service(url(backend)), { method = "POST", body = body })
      assert.equal("ok", got.error)
      local text = world.received(backend)
      assert.is_nil(text:find("Expect", 1, true))
      assert.is_true(text:sub(-#body) == body)
      return got.ms
    end)
  end)

  it("takes an answer that comes before its body was sent", function()
    local got = ask(service(url(fake { { answer("413 Too Large", "no"), after = "keep", early = true } })),
      { method = "POST", body = ("x"):rep(1024 * 1024) })
    assert.same({ "ok", 413 }, { got.error, got.status })
  end)

  it("reaches IPv6 addresses", function()
    local backend = fake({ OK }, { ipv6 = true })
    assert.equal("hello", ask(service(url(backend, "[::1]"))).body)
  end)

  it("uses one connection for a hundred calls after one another", function()
    local backend = fake { OK }
    local users = service(url(backend))
    for _ = 1, 100 do
      assert.equal("ok", ask(users).error)
    end
    assert.equal(1, C.fake_connections(backend))
  end)

  it("goes to the least busy of several URLs", function()
    local a, b = fake { { OK, delay = 50 } }, fake { { OK, delay = 50 } }
    assert.equal(20, C.probe_crowd(service({ url(a), url(b) }).probe, 20, 5000, C.MG_OK))
    assert.same({ 10, 10 }, { C.fake_requests(a), C.fake_requests(b) })
  end)

  it("leaves a URL alone for a while where nobody listens", function()
    wait.in_time(function() -- it is left alone for a second
      local users = service { url(fake { OK }), world.gone() }
      local errors = { ok = 0, refused = 0 }
      for _ = 1, 20 do
        local got = ask(users)
        errors[got.error] = errors[got.error] + 1
      end
      assert.same({ ok = 19, refused = 1 }, errors)
    end)
  end)

  it("makes a thousand calls at once", function()
    local backend = fake { { OK, delay = 100 } }
    assert.equal(1000, C.probe_crowd(service(url(backend)).probe, 1000, 9000, C.MG_OK))
    assert.equal(1000, C.fake_requests(backend))
  end)
end)

describe("a header that a call sets", function()
  after_each(world.close)

  it("is refused, and nothing sent, when it could be read as more than one", function()
    local backend = fake { OK }
    local users = service(url(backend))
    for _, header in ipairs {
      { "X-A", "1\r\nEvil: 1" }, { "X-A", "1\n" }, { "X-A", "\0" }, { "X A", "1" }, { "", "1" },
      { "X-A:", "1" }, { "X\r\nEvil", "1" },
    } do
      local got = ask(users, { headers = { header } })
      assert.equal("malformed", got.error, header[1])
      assert.is_truthy(got.message:find "header")
    end
    for _, path in ipairs { "/a b", "/\r\nX: 1", "/a\0", "@evil/", ".evil/", "/a#b", "/\200" } do
      assert.equal("malformed", ask(users, { path = path }).error, path)
    end
    assert.equal("malformed", ask(users, { headers = { { "Host", "a" }, { "host", "b" } } }).error)
    assert.equal(0, C.fake_connections(backend))
  end)
end)

describe("a failure of a backend", function()
  after_each(world.close)

  it("is `refused` when nobody listens", function()
    local got = ask(service(world.gone()))
    assert.same({ "refused", "connection refused", "", 0 }, { got.error, got.message, got.body,
        got.status })
  end)

  it("is `reset` when the connection ends before the answer does", function()
    for _, after in ipairs { "close", "reset" } do
      assert.equal("reset", against("", after).error)
      assert.equal("reset", against("HTTP/1.1 200 OK\r\nConte", after).error)
      assert.equal("reset", against("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", after).error)
      assert.equal("reset", against("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
          after).error)
    end
    assert.equal("", against("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "close").body)
  end)

  it("is `malformed` when what comes is not HTTP/1.1", function()
    for _, bytes in ipairs {
      "hello\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
      "HTTP/1.1 99 OK\r\n\r\n", "HTTP/1.1 999 OK\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
      "HTTP/1.1 200 OK\r\n: empty\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX-A: 1\r\n folded\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX-A: a\rb\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX A: 1\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
      "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
    } do
      local got = against(bytes, "close")
      assert.equal("malformed", got.error, bytes)
      assert.same({ "", {}, 0 }, { got.body, got.headers, got.status })
    end
  end)

  it("is `malformed` when it says JSON and is none", function()
    for _, body in ipairs { "{", "[1,]", "{}x", "nan" } do
      local got = against(answer("200 OK", body, { "Content-Type: application/json" }))
      assert.same({ "malformed", "the answer says JSON but is none" }, { got.error, got.message })
    end
  end)

  it("is `malformed` when it succeeds with JSON of no bytes, unless it can have no body", function()
    local json = { "Content-Type: application/json" }
    for _, status in ipairs { "200 OK", "201 Created", "206 Partial Content" } do
      assert.equal("malformed", against(answer(status, "", json)).error, status)
      assert.equal("malformed", against("HTTP/1.1 " .. status .. "\r\n" .. json[1] .. "\r\n\r\n", "close").error)
    end
    assert.equal("malformed", against(answer("200 OK", " ", json)).error)
    for _, status in ipairs { "204 No Content", "205 Reset Content", "304 Not Modified", "404 Not Found", "500 Oh" } do
      local got = against(answer(status, "", json))
      assert.same({ "ok", "" }, { got.error, got.body }, status)
    end
    local backend = fake { "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n" }
    assert.equal("ok", ask(service(url(backend)), { method = "HEAD" }).error)
  end)

  it("is `too_large` one byte above the limit of the body, whether its length was announced or not",
      function()
    local function chunked(body)
      return ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"):format(#body,
          body)
    end
    for _, make in ipairs { chunked, function(body) return answer("200 OK", body) end } do
      assert.equal("ok", against(make "12345678", "keep", { body_most = 8 }).error)
      assert.equal("too_large", against(make "123456789", "keep", { body_most = 8 }).error)
    end
    assert.equal("too_large", against("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n").error)
  end)

  it("is `too_large` when the header section is above its limit", function()
    local function with(bytes, extra)
      local line = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
      local head = line .. "X: " .. ("a"):rep(bytes - #line - 3 - 4) .. "\r\n\r\n"
      assert(#head == bytes)
      return ask(service(url(fake { (extra or "") .. head }), { head_most = 1000 })).error
    end
    assert.equal("ok", with(1000))
    assert.equal("too_large", with(1001))
    assert.equal("too_large", with(1000, "HTTP/1.1 103 Early\r\n\r\n"))
    local flood = ("HTTP/1.1 103 Early\r\n\r\n"):rep(4000)
    assert.equal("too_large", against(flood).error)
    assert.equal("too_large", against("HTTP/1.1 200 OK\r\n" .. ("X: 1\r\n"):rep(129) .. "\r\n").error)
    assert.equal("ok", against("HTTP/1.1 204 OK\r\n" .. ("X: 1\r\n"):rep(128) .. "\r\n").error)
  end)

  it("is `timeout` when no answer comes before the deadline, and the connection is closed then", function()
    local backend = fake { { OK, delay = 60000 } }
    wait.below(1000, function()
      local got = ask(service(url(backend)), { within = 50 })
      assert.same({ "timeout", "no answer in time" }, { got.error, got.message })
      assert.is_true(got.ms >= 49, got.ms)
      return got.ms
    end)
  end)

  it("is `timeout` when no time was left", function()
    assert.equal("timeout", ask(service(url(fake { OK })), { within = 0 }).error)
  end)
end)
