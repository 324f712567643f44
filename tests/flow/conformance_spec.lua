-- What RFC 9112 and RFC 9110 ask of a server, one case for each demand; h1spec's two collections ask the
-- same things (32 and 33 cases). A case says what it sends and which statuses are right.
local figure = require "support.figure"
local gateway = require "support.gateway"
local wait = require "support.wait"

local routes = [[
  local gate = require "moongate"
  gate.get("/", function() return "here" end)
  gate.get("/greet", function() return "hello" end)
  gate.post("/", function(req) return req.text end)
]]

-- 1: pieces of a request that are no request yet. Nobody answers them, and with the rest they are one.
local whole = "GET /greet HTTP/1.1\r\nHost: moon.test\r\n\r\n"
local pieces = {}
for _, piece in ipairs { "G", "GET ", "GET /gree", "GET /greet ", "GET /greet HTTP", "GET /greet HTTP/1.1",
  "GET /greet HTTP/1.1\r", "GET /greet HTTP/1.1\r\n", "GET /greet HTTP/1.1\r\nHo", "GET /greet HTTP/1.1\r\nHost:",
  "GET /greet HTTP/1.1\r\nHost: ", "GET /greet HTTP/1.1\r\nHost: moon.test", "GET /greet HTTP/1.1\r\nHost: moon.test\r",
  "GET /greet HTTP/1.1\r\nHost: moon.test\r\n", "GET /greet HTTP/1.1\r\nHost: moon.test\r\n\r" } do
  assert(whole:sub(1, #piece) == piece)
  pieces[#pieces + 1] = piece
end

-- 2: requests by themselves.
local function get(fields, target, version)
  return ("GET %s %s\r\n%s\r\n"):format(target or "/", version or "HTTP/1.1", fields)
end

local function post(fields, body, version)
  return ("POST / %s\r\nHost: moon.test\r\n%s\r\n%s"):format(version or "HTTP/1.1", fields, body)
end

local host, chunked = "Host: moon.test\r\n", "Transfer-Encoding: chunked\r\n"
local good, refused = { 200, 299 }, { 400, 400 }
local hello = "5\r\nhello\r\n0\r\n\r\n"

local alone = {
  -- Request lines (RFC 9112 §3).
  { "GET", get(host), good },
  { "names in any case, a tab before a value, a value that is empty", get "hOST:\tmoon.test\r\nnothing:\r\n", good },
  { "a value of nothing but a space", get(host .. "Nothing: \r\n"), good },
  { "OPTIONS for all", "OPTIONS * HTTP/1.1\r\n" .. host .. "\r\n", { 200, 399 } },
  { "a target with scheme and host", get(host, "http://moon.test/"), good },
  { "CONNECT, which is understood, if not done", "CONNECT moon.test:443 HTTP/1.1\r\n" .. host .. "\r\n", { 401, 599 } },
  { "no version", "GET /\r\n" .. host .. "\r\n", refused },
  { "a version of nothing", "GET / \r\n\r\n", { 400, 599 } },
  { "HTTP/2.0", get(host, "/", "HTTP/2.0"), { 400, 505 } },
  { "HTTP/9.9", get(host, "/", "HTTP/9.9"), { 400, 505 } },
  { "words before the method", "more of itGET / HTTP/1.1\r\n" .. host .. "\r\n", { 400, 501 } },
  { "a method in small letters", "get / HTTP/1.1\r\n" .. host .. "\r\n", { 400, 501 } },
  -- Fields (§5, §3.2).
  { "no Host", get "", refused },
  { "no Host, and a length", get "Content-Length: 5\r\n", refused },
  { "two Hosts", get(host .. "Host: sun.test\r\n"), refused },
  { "a Host with a space in it", get "Host: moon test\r\n", refused },
  { "a Host with a NUL in it", get "Host: moon\0test\r\n", refused },
  { "a Host before a space", get "Host : moon.test\r\n", refused },
  { "a name with brackets", get(host .. "X-List[]: 1\r\n"), refused },
  { "a name with a space in it", get(host .. "X List: 1\r\n"), refused },
  { "a value with a bell in it", get(host .. "X-Ring: a\7\r\n"), refused },
  { "a line that is folded", get(host .. "  and more\r\n"), refused },
  { "a CR alone before a field", "GET / HTTP/1.1\r\n" .. host .. "\rX-Late: 1\r\n\r\n", refused },
  { "a CR alone at the end of the head", "GET / HTTP/1.1\r\n" .. host .. "\r\rX-Late: 1\r\n\r\n", refused },
  { "a CR and a field behind the head", "GET / HTTP/1.1\r\n" .. host .. "\r\n\rX-Late: 1\r\n\r\n", { 200, 400 } },
  -- Bodies (§6, §7).
  { "a body with its length", post("Content-Length: 5\r\n", "hello"), good, "hello" },
  { "a body in chunks", post(chunked, hello), good, "hello" },
  { "chunks in HTTP/1.0", post(chunked, hello, "HTTP/1.0"), refused },
  { "chunks and a length", post(chunked .. "Content-Length: 5\r\n", hello), refused },
  { "a length and chunks", post("Content-Length: 5\r\n" .. chunked, hello), refused },
  { "chunks and a length, of GET", get(host .. chunked .. "Content-Length: 5\r\n"), refused },
  { "a coding that nobody knows", post("Transfer-Encoding: moonshine\r\n", "hello"), { 400, 501 } },
  { "chunks that are packed again", post("Transfer-Encoding: chunked, gzip\r\n", hello), { 400, 501 } },
  { "two lengths that differ", post("Content-Length: 5\r\nContent-Length: 7\r\n", "hello, "), refused },
  { "a length in letters", post("Content-Length: five\r\n", "hello"), refused },
  { "a negative length", post("Content-Length: -5\r\n", "hello"), refused },
  { "a negative length beyond 64 bits", post("Content-Length: -98765432109876543210987\r\n", "hello"), refused },
  { "a chunk size in other letters", post(chunked, "Q\r\nhello\r\n0\r\n\r\n"), refused },
  { "a chunk without its end", post(chunked, "5\r\nhello0\r\n\r\n"), refused },
  -- Limits: an answer, whatever it is.
  { "a target of 9,000 bytes", get(host, "/" .. ("a"):rep(8999)), { 400, 499 } },
  { "101 fields", get(host .. ("X-Many: 1\r\n"):rep(101)), { 400, 499 } },
  { "a value of 9,000 bytes", get(host .. "X-Long: " .. ("v"):rep(9000) .. "\r\n"), { 200, 499 } },
}

describe("HTTP/1.1", function()
  local g
  local passed, cases = 0, 0

  setup(function()
    g = gateway.start({ ["routes.lua"] = routes }, { workers = 1 })
  end)

  teardown(gateway.clean)

  -- A demand that is met.
  local function met()
    passed = passed + 1
  end

  -- An answer says itself where it ends; after a refusal nothing that follows is read.
  local function delimited(reply)
    return reply.status == 204 or reply.headers["content-length"] or reply.headers["transfer-encoding"]
      or reply.headers.connection == "close"
  end

  it("is waited for, as long as it is not whole", function()
    cases = cases + #pieces
    local early = wait.at_once(#pieces, function(i)
      local c = g:connect()
      c:send(pieces[i])
      local came = c:more(wait.now() + 100)
      c:send(whole:sub(#pieces[i] + 1))
      local reply = assert(c:read(), pieces[i])
      c:close()
      assert.same({ 200, "hello" }, { reply.status, reply.body }, pieces[i])
      return came and pieces[i] or false
    end)
    for _, piece in ipairs(early) do
      assert.is_false(piece)
      met()
    end
  end)

  for _, case in ipairs(alone) do
    it("has an answer to " .. case[1], function()
      cases = cases + 1
      local c = g:connect()
      c:send(case[2])
      local reply, why = c:read()
      assert(reply, why)
      assert.is_true(reply.status >= case[3][1] and reply.status <= case[3][2], reply.status)
      assert.equal(case[4] or reply.body, reply.body)
      assert.truthy(delimited(reply))
      if reply.status == 400 then
        c:send(get(host))
        local _, after = c:ending()
        assert.equal("", after)
      end
      c:close()
      assert.equal("here", g:get("/").body)
      met()
    end)
  end

  it("keeps a connection, unless it is HTTP/1.0 or told not to", function()
    cases = cases + 3
    local c = g:connect()
    assert.equal("here", c:ask("/").body)
    assert.equal("hello", c:ask("/greet").body)
    c:close()
    met()
    for _, one in ipairs { get(host .. "Connection: close\r\n"), get(host, "/", "HTTP/1.0") } do
      c = g:connect()
      c:send(one)
      assert.equal("here", c:read().body)
      assert.equal("closed", (c:ending()))
      c:close()
      met()
    end
  end)

  it("has no body in the answer to HEAD", function()
    cases = cases + 1
    local c = g:connect()
    c:send("HEAD / HTTP/1.1\r\n" .. host .. "Connection: close\r\n\r\n")
    assert.equal(200, c:read({ head = true }).status)
    assert.same({ "closed", "" }, { c:ending() })
    met()
  end)

  it("asks for a body that waits to be asked for", function()
    cases = cases + 2
    local c = g:connect()
    c:send(post("Content-Length: 5\r\nExpect: 100-continue\r\n", ""))
    assert.equal(100, c:read({ informed = true }).status)
    c:send "hello"
    assert.equal("hello", c:read().body)
    met()
    c:send(get(host .. "Expect: 100-continue\r\n"))
    assert.equal("here", c:read().body)
    c:close()
    met()
  end)

  it("is what all of these say", function()
    figure.is(2, ("demands of RFC 9112 and 9110 that are not met, of %d"):format(cases), cases - passed, 0)
  end)
end)
