local core = require "support.core"
local C = core.cdef "base/str.h"
local ffi = require "ffi"

describe("mg_str", function()
  it("finds no candidate near an unrelated name", function()
    local candidates = ffi.new("const char *[2]", { "users", "orders" })
    assert.equal("users", ffi.string(C.mg_str_nearest(core.str "usres", candidates, 2)))
    assert.is_true(C.mg_str_nearest(core.str "banner", candidates, 2) == nil)
  end)

  it("reads whole decimal numbers only, and refuses those beyond 64 bits", function()
    local value = ffi.new "uint64_t[1]"
    assert.is_true(C.mg_str_uint(core.str "18446744073709551615", value))
    assert.equal(18446744073709551615ULL, value[0])
    for _, text in ipairs { "18446744073709551616", "", "-1", "+1", "1 ", "0x1", "1.0" } do
      assert.is_false(C.mg_str_uint(core.str(text), value), text)
    end
  end)

  it("orders by bytes, the shorter first on a tie", function()
    assert.is_true(C.mg_str_cmp(core.str "a", core.str "ab") < 0)
    assert.is_true(C.mg_str_cmp(core.str "b", core.str "ab") > 0)
    assert.is_true(C.mg_str_cmp(core.str "\255", core.str "a") > 0)
    assert.equal(0, C.mg_str_cmp(core.str "", core.str ""))
  end)
end)

describe("mg_buf", function()
  it("keeps its bytes and remembers the failure when an append would pass its cap", function()
    local buf = core.buf(4)
    assert.is_true(C.mg_buf_put(buf, core.str "abc"))
    assert.is_false(C.mg_buf_put(buf, core.str "de"))
    assert.equal("abc", core.text(buf))
    assert.equal(C.MG_TOO_LARGE, tonumber(buf.failed))
  end)

  it("moves out of the room that was lent to it when that gets too small, and never frees it", function()
    local room, buf = ffi.new("char[4]"), core.buf()
    for _, text in ipairs { "abcd", "abcde" } do
      buf.data, buf.len, buf.cap, buf.lent = room, 0, 4, true
      for c in text:gmatch "." do
        assert.is_true(C.mg_buf_put(buf, core.str(c)))
      end
      assert.equal(text, core.text(buf))
      assert.equal(#text == 4, buf.lent)
      assert.equal(#text == 4, buf.data == room)
      C.mg_buf_fini(buf)
      assert.equal("abcd", ffi.string(room, 4))
      assert.is_false(buf.lent)
    end
  end)

  it("finds the first control character but tab, wherever it stands", function()
    for len = 0, 40 do
      local plain = ("\t\128~ \255"):rep(8):sub(1, len)
      assert.equal(len, tonumber(C.mg_str_clean(core.str(plain))))
      for at = 0, len - 1 do
        for _, byte in ipairs { 0, 8, 10, 13, 31, 127 } do
          local text = plain:sub(1, at) .. string.char(byte) .. plain:sub(at + 2, -2) .. "\0"
          assert.equal(at, tonumber(C.mg_str_clean(core.str(text))))
        end
      end
    end
    for byte = 0, 255 do
      local clean = byte == 9 or (byte >= 32 and byte ~= 127)
      local text = core.str("1234567" .. string.char(byte))
      assert.equal(clean and 8 or 7, tonumber(C.mg_str_clean(text)))
    end
  end)
end)
