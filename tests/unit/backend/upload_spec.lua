-- How a streamed body is framed, whatever pieces it comes in and a socket takes it in.
local core = require "support.core"
local C = core.cdef("base/str.h", "base/buf.h")
local ffi = require "ffi"

ffi.cdef [[
  int probe_upload(struct mg_str all, size_t piece, int64_t length, size_t most, bool cut,
                   struct mg_buf *out);
]]

local function upload(text, options)
  local out = core.buf()
  local dry = C.probe_upload(core.str(text), options.piece or 1000, options.length or -1,
    options.most or 1e6, options.cut or false, out)
  return core.text(out) or "", dry
end

local text = ("0123456789abcdef"):rep(5) .. "z"

describe("a streamed body", function()
  it("of known length goes out as it is", function()
    for _, most in ipairs { 1, 7, 1000 } do
      assert.equal(text, (upload(text, { length = #text, piece = 10, most = most })))
    end
    assert.equal("", (upload("", { length = 0 })))
  end)

  it("of unknown length goes out in chunks, one for each piece that is there, and an end", function()
    assert.equal("5\r\nhello\r\n5\r\nworld\r\n1\r\n!\r\n0\r\n\r\n", (upload("helloworld!", { piece = 5 })))
    assert.equal("51\r\n" .. text .. "\r\n0\r\n\r\n", (upload(text, {})))
    assert.equal("0\r\n\r\n", (upload("", {})))
  end)

  it("is framed alike however little the socket takes at once", function()
    for piece = 1, 20, 3 do
      local whole = upload(text, { piece = piece })
      for most = 1, 9 do
        assert.equal(whole, (upload(text, { piece = piece, most = most })))
      end
    end
  end)

  it("ends where its supply is taken away after its end", function()
    assert.equal("5\r\nhello\r\n0\r\n\r\n", (upload("hello", { cut = true })))
    assert.equal("hello", (upload("hello", { cut = true, length = 5 })))
  end)

  it("has nothing to send while nothing is there", function()
    local _, dry = upload("hello world", { piece = 4 })
    assert.equal(4, dry) -- before each of three pieces, and before the end
  end)
end)
