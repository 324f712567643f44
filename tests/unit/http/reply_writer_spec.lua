local core = require "support.core"
local C = core.cdef "http/reply_writer.h"
local ffi = require "ffi"

local kept

-- The head as text, and whether every field was sound. `framing` overrides a kept-alive reply of 5
-- bytes.
local function write(status, fields, framing, limit)
  local reply, arena, buf = ffi.new "struct mg_reply", core.arena(), core.buf(limit)
  kept = {}
  reply.status = status
  for _, field in ipairs(fields) do
    local name, value = core.str(field[1]), core.str(field[2])
    kept[#kept + 1] = { name, value }
    assert(C.mg_headers_add(reply.headers, arena, name, value))
  end
  local options = ffi.new "struct mg_reply_framing"
  options.keep_alive, options.length = true, 5
  for name, value in pairs(framing or {}) do
    options[name] = value
  end
  local sound = C.mg_reply_write_head(buf, reply, options)
  return core.text(buf), sound
end

local function lines(...)
  return table.concat({ ... }, "\r\n") .. "\r\n\r\n"
end

describe("the head of a reply", function()
  it("is status line, date, fields and framing", function()
    local date = core.str "Sun, 06 Nov 1994 08:49:37 GMT"
    local text, sound = write(404,
      { { "Content-Type", "text/plain" }, { "Set-Cookie", "a" }, { "Set-Cookie", "b" } },
      { date = date })
    assert.equal(lines("HTTP/1.1 404 Not Found", "Date: Sun, 06 Nov 1994 08:49:37 GMT",
      "Content-Type: text/plain",
      "Set-Cookie: a", "Set-Cookie: b", "Content-Length: 5"), text)
    assert.is_true(sound)
  end)

  it("says how the connection goes on", function()
    assert.equal(lines("HTTP/1.1 200 OK", "Connection: close", "Content-Length: 5"),
      (write(200, {}, { keep_alive = false })))
    assert.equal(lines("HTTP/1.1 200 OK", "Connection: keep-alive", "Content-Length: 5"),
      (write(200, {}, { old = true })))
    assert.equal(lines("HTTP/1.1 200 OK", "Connection: close", "Content-Length: 5"),
      (write(200, {}, { old = true, keep_alive = false })))
  end)

  it("is chunked when the length is not known, and ends with the connection for 1.0", function()
    assert.equal(lines("HTTP/1.1 200 OK", "Transfer-Encoding: chunked"),
      (write(200, {}, { chunked = true })))
    assert.equal(lines("HTTP/1.1 200 OK", "Connection: close"),
      (write(200, {}, { chunked = true, old = true })))
    -- What has no body does not need the connection's end.
    assert.equal(lines("HTTP/1.1 200 OK", "Connection: keep-alive"),
      (write(200, {}, { chunked = true, old = true, head = true })))
  end)

  it("has neither length nor coding with 204 and 304", function()
    for _, status in ipairs { 204, 304 } do
      for _, chunked in ipairs { true, false } do
        local text = write(status, {}, { chunked = chunked })
        assert.is_nil(text:find "Content%-Length" or text:find "Transfer%-Encoding")
        assert.is_nil((write(status, {}, { chunked = chunked, old = true })):find "close")
      end
    end
  end)

  it("is the same for HEAD as for GET", function()
    assert.equal((write(200, {})), (write(200, {}, { head = true })))
  end)

  it("carries lengths beyond 4 GiB", function()
    assert.truthy((write(200, {},
      { length = 18446744073709551615ULL })):find("Content-Length: 18446744073709551615\r\n", 1, true))
  end)

  it("never lets a field split it: what is not sound is left out and told", function()
    for byte = 0, 255 do
      local c = string.char(byte)
      local text, sound = write(200, { { "X", "a" .. c .. "Evil: b" } })
      local allowed = (byte >= 32 and byte ~= 127) or byte == 9
      assert.equal(allowed, sound, "value byte " .. byte)
      assert.equal(allowed, text:find("X: a", 1, true) ~= nil, "value byte " .. byte)
      text, sound = write(200, { { "X" .. c .. "Y", "a" }, { "Z", "z" } })
      allowed = c:find "[%w!#$%%&'*+.^_`|~-]" ~= nil
      assert.equal(allowed, sound, "name byte " .. byte)
      assert.equal(allowed, text:find("Y: a", 1, true) ~= nil, "name byte " .. byte)
      assert.truthy(text:find("Z: z\r\n", 1, true))
    end
    assert.same({ lines("HTTP/1.1 200 OK", "Content-Length: 5"), false }, { write(200, { { "", "a" } }) })
  end)

  it("is framed by the connection alone", function()
    for _, name in ipairs { "Content-Length", "transfer-encoding", "CONNECTION", "Date" } do
      assert.same({ lines("HTTP/1.1 200 OK", "Content-Length: 5"), false },
        { write(200, { { name, "7" } }) })
    end
  end)

  it("turns a status that is none into 500", function()
    for _, status in ipairs { 0, 99, 100, 199, 600, -1 } do
      local text, sound = write(status, {})
      assert.same({ "HTTP/1.1 500 Internal Server Error", false }, { text:match "^[^\r]*", sound })
    end
    assert.equal("HTTP/1.1 299 ", (write(299, {})):match "^[^\r]*")
  end)

  it("tells when the buffer could not take it", function()
    local _, sound = write(200, { { "X", ("a"):rep(100) } }, nil, 64)
    assert.is_false(sound)
  end)
end)
