local answer = require "unit.http.answer"

local H = "HTTP/1.1 200 OK\r\n"
local CHUNKED = H .. "Transfer-Encoding: chunked\r\n\r\n"

local function refused(bytes, options)
  local out = answer.one(bytes, options)
  assert.equal("refused", out.verdict, bytes)
  return out.error .. ": " .. out.message
end

describe("a response", function()
  it("has a status, fields in their order and a body of its length", function()
    assert.same({
      verdict = "complete", status = 200, keep_alive = true, body = "hello",
      fields = { "Content-Length: 5", "Set-Cookie: a=1", "X-Empty: ", "Set-Cookie: b=2" },
    }, answer.one(H .. "Content-Length: 5\r\nSet-Cookie: a=1\r\nX-Empty:  \r\nSet-Cookie:b=2\r\n\r\nhello"))
  end)

  it("is followed by the next one of its connection", function()
    local one = H .. "Content-Length: 1\r\n\r\n"
    local all = answer.all(one .. "a" .. CHUNKED .. "1\r\nb\r\n0\r\n\r\n" .. one .. "c")
    assert.same({ "a", "b", "c" }, { all[1].body, all[2].body, all[3].body })
  end)

  it("comes in chunks, whose extensions and trailers are dropped", function()
    local out = answer.one(CHUNKED .. '2;a;b="c;d"\r\nhe\r\n3\r\nllo\r\n0\r\nX-T: 1\r\nContent-Length: 9\r\n\r\n')
    assert.same({ "complete", "hello", true }, { out.verdict, out.body, out.keep_alive })
    assert.same({ "Transfer-Encoding: chunked" }, out.fields)
  end)

  it("ends with the connection where nothing says its length, and only then", function()
    local out = answer.one(H .. "\r\nhello", { ends = true })
    assert.same({ "complete", "hello", false }, { out.verdict, out.body, out.keep_alive })
    assert.equal("more", answer.one(H .. "\r\nhello").verdict)
  end)

  it("is not whole when the connection ends before it does", function()
    local cut = "reset: the connection was closed before the answer was whole"
    for _, bytes in ipairs { "", "HTTP/1.1 2", H, H .. "Content-Length: 9\r\n\r\nhalf", CHUNKED .. "5\r\nhello\r\n",
                             CHUNKED .. "0\r\n", "HTTP/1.1 103 Early\r\n\r\n" } do
      assert.equal(cut, refused(bytes, { ends = true }))
    end
  end)

  it("has no body after 204, 304 and HEAD, whatever it says", function()
    for _, says in ipairs { "", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n" } do
      for _, start in ipairs { "HTTP/1.1 204 None\r\n", "HTTP/1.1 304 Same\r\n" } do
        local out = answer.one(start .. says .. "\r\n")
        assert.same({ "complete", "", true }, { out.verdict, out.body, out.keep_alive })
      end
      local out = answer.one(H .. says .. "\r\n", { to_head = true })
      assert.same({ "complete", "", true }, { out.verdict, out.body, out.keep_alive })
    end
  end)

  it("may come after any number of 1xx", function()
    local out = answer.one("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" .. H .. "Content-Length: 0\r\n\r\n")
    assert.same({ "complete", 200, { "Content-Length: 0" } }, { out.verdict, out.status, out.fields })
  end)

  it("says whether its connection may carry another", function()
    local function kept(version, ...)
      local lines = table.concat({ ("HTTP/%s 200 OK"):format(version), ... }, "\r\n")
      return answer.one(lines .. "\r\n\r\n", { to_head = true }).keep_alive
    end
    assert.is_true(kept("1.1"))
    assert.is_true(kept("1.1", "Connection: x, keep-alive"))
    assert.is_false(kept("1.1", "Connection: close"))
    assert.is_false(kept("1.1", "Connection: keep-alive, CLOSE"))
    assert.is_false(kept("1.1", "Connection: keep-alive", "Connection: close"))
    assert.is_false(kept("1.0"))
    assert.is_true(kept("1.0", "Connection: keep-alive"))
    assert.is_false(kept("1.0", "Connection: keep-alive", "Transfer-Encoding: chunked"))
  end)
end)

describe("a response is refused", function()
  it("when it does not begin as HTTP/1.0 or 1.1 with a status from 100 to 599 but 101", function()
    for _, line in ipairs { "hello", "HTTP/1.1 2000 OK", "HTTP/1.1 20 OK", "HTTP/1.1 099 No", "HTTP/1.1 600 No",
                            "HTTP/1.1 101 Switching", "HTTP/1.2 200 OK", "HTTP/2.0 200 OK", "HTTP/0.9 200 OK",
                            "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK", "HTTP/1.1 200OK", "http/1.1 200 OK",
                            "HTTP/1.1 +20 OK", "HTTP/1.1 200 O\1K", "ICY 200 OK", "" } do
      assert.equal("malformed: the answer is not HTTP", refused(line .. "\r\nContent-Length: 0\r\n\r\n"))
    end
  end)

  it("as soon as its first bytes are not HTTP's", function()
    assert.equal("malformed: the answer is not HTTP", refused("HTTQ"))
    assert.equal("more", answer.one("HTTP/1").verdict)
  end)

  it("for a line end that is not CR LF", function()
    for _, bytes in ipairs { "HTTP/1.1 200 OK\n", H .. "X: 1\n", H .. "\n", H .. "X: 1\r\n\n" } do
      assert.equal("malformed: the answer has a line end that is not CR LF", refused(bytes))
    end
    assert.equal("malformed: the answer has a header value with control bytes", refused(H .. "X: 1\rY: 2\r\n\r\n"))
    assert.equal("malformed: the answer has a header field without a proper name",
      refused(H .. "Content-Length: 0\r\n\rX\r\n\r\n"))
    assert.equal("malformed: the answer's body is not framed as announced", refused(CHUNKED .. "1\nx\r\n0\r\n\r\n"))
  end)

  it("for a folded field, also one that hides a length", function()
    for _, line in ipairs { "X: 1\r\n 2", "Content-Length:\r\n 5", "X:\r\n\tTransfer-Encoding: chunked" } do
      assert.equal("malformed: the answer has a folded header field", refused(H .. line .. "\r\n\r\n"))
    end
  end)

  it("for a field name that is no token, and a control byte in a value", function()
    for _, line in ipairs { "no colon", ": 1", "X A: 1", "X : 1", "X\0: 1", "\195\171: 1" } do
      assert.equal("malformed: the answer has a header field without a proper name", refused(H .. line .. "\r\n\r\n"))
    end
    for _, value in ipairs { "a\0b", "a\1b", "a\127b" } do
      assert.equal("malformed: the answer has a header value with control bytes", refused(H .. "X: " .. value .. "\r\n\r\n"))
    end
  end)

  it("for a length that is not one number", function()
    for _, length in ipairs { "", "-1", "+1", "1x", "0x1", "1 1", "1, 1", "9223372036854775808", "18446744073709551616",
                              "1\r\nContent-Length: 1", "1\r\nContent-Length: 2" } do
      assert.equal("malformed: the answer's Content-Length is not one number",
        refused(H .. "Content-Length: " .. length .. "\r\n\r\nx"))
    end
  end)

  it("for a coding that is not chunked alone", function()
    for _, coding in ipairs { "", "gzip", "gzip, chunked", "chunked, gzip", ",chunked", "chunked\r\nTransfer-Encoding: chunked",
                              "xchunked", "chunked;a=b" } do
      assert.equal("malformed: the answer's Transfer-Encoding is not chunked",
        refused(H .. "Transfer-Encoding: " .. coding .. "\r\n\r\n0\r\n\r\n"))
    end
    assert.equal("malformed: the answer has both Content-Length and Transfer-Encoding",
      refused(H .. "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
  end)

  it("for chunks that are not framed as they say", function()
    for _, body in ipairs { "zz\r\n", "\r\n", "-1\r\n", "0x1\r\n", "1 \r\nx\r\n", " 1\r\nx\r\n", "1;\r\nx\r\n", "1;a=\r\nx\r\n",
                            "3\r\nhello\r\n", "5\r\nhelloXX0\r\n\r\n", "00000000000000001\r\nx", "8000000000000000\r\nx",
                            "ffffffffffffffff\r\nx", "1;" .. ("a"):rep(1025) .. "\r\nx\r\n" } do
      assert.equal("malformed: the answer's body is not framed as announced", refused(CHUNKED .. body))
    end
    local most = ("1;" .. ("a"):rep(511) .. "\r\nx\r\n"):rep(2)
    assert.equal("complete", answer.one(CHUNKED .. most .. "0\r\n\r\n").verdict)
    assert.equal("malformed: the answer's body is not framed as announced", refused(CHUNKED .. most .. "1;a\r\nx\r\n"))
  end)

  it("for a trailer that is no field", function()
    assert.equal("malformed: the answer has a header field without a proper name", refused(CHUNKED .. "0\r\nno colon\r\n\r\n"))
    assert.equal("malformed: the answer has a folded header field", refused(CHUNKED .. "0\r\nX: 1\r\n 2\r\n\r\n"))
  end)

  it("for headers, 1xx and trailers above their limit by one byte", function()
    local early = "HTTP/1.1 103 Early\r\n\r\n"
    local chunks, trailer = "1\r\nx\r\n0\r\n", "X: 1\r\n"
    local whole = early .. CHUNKED .. chunks .. trailer .. "\r\n"
    local bytes = #early + #CHUNKED + #trailer
    assert.equal("complete", answer.one(whole, { header = bytes }).verdict)
    assert.equal("too_large: the answer's header is too large", refused(whole, { header = bytes - 1 }))
    assert.equal("too_large: the answer's header is too large", refused(whole, { header = #early + #CHUNKED - 1 }))
    assert.equal("too_large: the answer's header is too large", refused(H .. "X: 1", { header = #H + 4 }))
  end)

  it("for more than 128 fields", function()
    local function with(count)
      return H .. ("X: 1\r\n"):rep(count - 1) .. "Content-Length: 0\r\n\r\n"
    end
    assert.equal(128, #answer.one(with(128)).fields)
    assert.equal("too_large: the answer has too many header fields", refused(with(129)))
  end)
end)
