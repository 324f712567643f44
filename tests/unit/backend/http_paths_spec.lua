-- What a backend may do wrong, or unusually: over our own sockets and over libcurl it ends the same.
package.path = package.path .. ";" .. (require "support.places").checkout .. "/tests/unit/backend/?.lua"
local world = require "http_world"
local wait = require "support.wait"
local C = world.C

local H = "HTTP/1.1 200 OK\r\n"
local CHUNKED = H .. "Transfer-Encoding: chunked\r\n\r\n"
local OK = world.answer("200 OK", "hello")
local BIG = ("x"):rep(3000000) -- more than the sockets hold

-- Everything a caller can tell of two calls, one after the other, to a backend that answers with
-- these bytes and then closes or resets the connection.
local function story(path, case, after)
  local backend = world.fake { { case[1], after = after or "close", early = case.early } }
  local users = world.service(world.url(backend), { path = path, head_most = case.head_most })
  local told = {}
  for i = 1, 2 do
    local got = world.ask(users, { method = case.method, body = case.body, body_most = case.body_most })
    got.ms = nil
    told[i] = got
  end
  told.connections, told.requests = C.fake_connections(backend), C.fake_requests(backend)
  return told
end

local same = {
  ["no HTTP"] = { "hello\r\n\r\n" },
  ["another protocol"] = { "SSH-2.0-OpenSSH_9.2\r\n" },
  ["four digits of status"] = { "HTTP/1.1 2000 OK\r\n\r\n" },
  ["two digits of status"] = { "HTTP/1.1 99 OK\r\n\r\n" },
  ["status 999"] = { "HTTP/1.1 999 OK\r\n\r\n" },
  ["version 9.9"] = { "HTTP/9.9 200 OK\r\n\r\n" },
  ["version 2.0"] = { "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n" },
  ["status 101"] = { "HTTP/1.1 101 Switching\r\n\r\n" },
  ["a version in small letters"] = { "http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
  ["an empty line first"] = { "\r\n" .. OK },
  ["no reason phrase"] = { "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n" },
  ["a control byte in the reason phrase"] = { "HTTP/1.1 200 O\1K\r\nContent-Length: 0\r\n\r\n" },
  ["a field without a colon"] = { H .. "no colon\r\n\r\n" },
  ["a field without a name"] = { H .. ": x\r\n\r\n" },
  ["a folded field"] = { H .. "X: 1\r\n folded\r\nContent-Length: 0\r\n\r\n" },
  ["a NUL in a value"] = { H .. "X: a\0b\r\nContent-Length: 0\r\n\r\n" },
  ["a CR in a value"] = { H .. "X: a\rb\r\nContent-Length: 0\r\n\r\n" },
  ["a CR that hides a field"] = { H .. "X:\rTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello" },
  ["a space in a name"] = { H .. "X A: 1\r\nContent-Length: 0\r\n\r\n" },
  ["a space before the colon"] = { H .. "X : 1\r\nContent-Length: 0\r\n\r\n" },
  ["bytes beyond ASCII in a value"] = { H .. "X: \228\r\nContent-Length: 0\r\n\r\n" },
  ["bare LF everywhere"] = { "HTTP/1.1 200 OK\nContent-Length: 0\n\n" },
  ["a bare LF at the end of the head"] = { H .. "Content-Length: 0\r\n\n" },
  ["two lengths"] = { H .. "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!" },
  ["the same length twice"] = { H .. "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" },
  ["a list of lengths"] = { H .. "Content-Length: 5, 5\r\n\r\nhello" },
  ["a length below 0"] = { H .. "Content-Length: -5\r\n\r\nhello" },
  ["a length with a sign"] = { H .. "Content-Length: +5\r\n\r\nhello" },
  ["a length that is no number"] = { H .. "Content-Length: 5x\r\n\r\nhello" },
  ["an empty length"] = { H .. "Content-Length:\r\n\r\n" },
  ["a length of 20 digits"] = { H .. "Content-Length: 99999999999999999999\r\n\r\n" },
  ["a length of 2^63"] = { H .. "Content-Length: 9223372036854775808\r\n\r\n" },
  ["both lengths and chunks"] = { H .. "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" },
  ["a coding before chunked"] = { H .. "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" },
  ["a coding that is not chunked"] = { H .. "Transfer-Encoding: identity\r\n\r\nhello" },
  ["chunked twice"] = { H .. "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
  ["Chunked with a capital"] = { H .. "Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" },
  ["an empty coding"] = { H .. "Transfer-Encoding:\r\n\r\nhello" },
  ["a chunk size that is no number"] = { CHUNKED .. "zz\r\nhello\r\n" },
  ["a chunk that is longer than its size"] = { CHUNKED .. "3\r\nhello\r\n0\r\n\r\n" },
  ["a chunk size of 17 digits"] = { CHUNKED .. "00000000000000005\r\nhello\r\n0\r\n\r\n" },
  ["a chunk size of 2^64 - 1"] = { CHUNKED .. "ffffffffffffffff\r\nhello\r\n0\r\n\r\n" },
  ["a chunk extension"] = { CHUNKED .. '5;a="b"\r\nhello\r\n0\r\n\r\n' },
  ["trailers"] = { CHUNKED .. "5\r\nhello\r\n0\r\nX-T: 1\r\nContent-Length: 7\r\n\r\n" },
  ["a folded trailer"] = { CHUNKED .. "0\r\na: b\r\n c\r\n\r\n" },
  ["no last chunk"] = { CHUNKED .. "5\r\nhello\r\n" },
  ["no line after the last chunk"] = { CHUNKED .. "5\r\nhello\r\n0\r\n" },
  ["chunks of HTTP/1.0"] = { "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" },
  ["a body that the connection ends"] = { H .. "\r\nhello" },
  ["such a body of HTTP/1.0"] = { "HTTP/1.0 200 OK\r\n\r\nhello" },
  ["Connection: close"] = { world.answer("200 OK", "hello", { "Connection: close" }) },
  ["keep-alive of HTTP/1.0"] = { "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello" },
  ["more than the length"] = { OK .. "extra" },
  ["two answers"] = { OK .. OK },
  ["less than the length"] = { H .. "Content-Length: 9\r\n\r\nhalf" },
  ["nothing"] = { "" },
  ["half a status line"] = { "HTTP/1.1 20" },
  ["half a head"] = { H .. "Conte" },
  ["a head of 1,001 bytes, limit 1,000"] = { H .. "X: " .. ("a"):rep(1001 - #H - 7) .. "\r\n\r\n", head_most = 1000 },
  ["129 fields"] = { H .. ("X: 1\r\n"):rep(129) .. "\r\n" },
  ["4,000 heads of 1xx"] = { ("HTTP/1.1 103 Early\r\n\r\n"):rep(4000) },
  ["a bad field in a 1xx head"] = { "HTTP/1.1 103 Early\r\nbad line\r\n\r\n" .. OK },
  ["a control byte in a 1xx head"] = { "HTTP/1.1 103 Early\r\nX: a\1b\r\n\r\n" .. OK },
  ["a length in a 1xx head"] = { "HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\n" .. OK },
  ["129 fields in a 1xx head"] = { "HTTP/1.1 103 Early\r\n" .. ("X: 1\r\n"):rep(129) .. "\r\n" .. OK },
  ["128 fields in each of two 1xx heads"] =
    { ("HTTP/1.1 103 Early\r\n" .. ("X: 1\r\n"):rep(128) .. "\r\n"):rep(2) .. OK },
  ["nothing after a 1xx head"] = { "HTTP/1.1 103 Early\r\n\r\n" },
  ["204 with a body"] = { "HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\nhello" },
  ["205"] = { "HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n" },
  ["304 with chunks announced"] = { "HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n" },
  ["a body to HEAD"] = { OK, method = "HEAD" },
  ["chunks announced to HEAD"] = { CHUNKED, method = "HEAD" },
  ["a body above its limit"] = { OK, body_most = 3 },
  ["chunks above their limit"] = { CHUNKED .. "5\r\nhello\r\n0\r\n\r\n", body_most = 3 },
  ["nothing to a POST"] = { "", method = "POST", body = "x" },
  ["nothing to a POST without a body"] = { "", method = "POST" },
  ["nothing to a long POST"] = { "", method = "POST", body = BIG, early = true },
  ["half an answer to a long POST"] = { H .. "Content-Length: 9\r\n\r\nhalf", method = "POST", body = BIG, early = true },
}

-- libcurl's reader of chunks is more forgiving, and shows us none of this.
local refused_here = {
  ["a space after a chunk size"] = CHUNKED .. "5 \r\nhello\r\n0\r\n\r\n",
  ["a bare LF after a chunk size"] = CHUNKED .. "5\nhello\r\n0\r\n\r\n",
  ["a chunk extension of 5,000 bytes"] = CHUNKED .. "5;" .. ("a"):rep(5000) .. "\r\nhello\r\n0\r\n\r\n",
}

describe("both paths say the same of", function()
  after_each(world.close)

  for name, case in pairs(same) do
    it(name, function()
      assert.same(story("libcurl", case), story("plain", case))
      assert.same(story("libcurl", case, "reset"), story("plain", case, "reset"))
    end)
  end
end)

describe("the plain path alone refuses", function()
  after_each(world.close)

  for name, bytes in pairs(refused_here) do
    it(name, function()
      assert.equal("ok", story("libcurl", { bytes })[1].error)
      assert.equal("malformed", story("plain", { bytes })[1].error)
    end)
  end
end)

describe("a connection over plain", function()
  after_each(world.close)

  it("is kept between calls though more of them are in use than are kept", function()
    local late = { OK, delay = 60000 }
    local backend = world.fake { late, late, late, OK }
    local users = world.service(world.url(backend), { path = "plain", kept = 2 })
    for count = 1, 3 do
      world.start(users, {})
      assert.is_true(wait.till(function()
        C.probe_run(users.probe, 1000000, 2)
        return C.fake_requests(backend) == count
      end, 5000))
    end
    for landed = 1, 5 do -- while the three are still in use
      local call = world.start(users, {})
      assert.is_true(C.probe_run(users.probe, landed, 10000))
      assert.equal("ok", world.result(call).error)
    end
    assert.equal(4, C.fake_connections(backend))
  end)
end)
