-- Ranges of bytes (RFC 9110 §14): one is sent, one behind the end is refused, all else ignored.
local core = require "support.core"
local ffi = require "ffi"
local C = core.cdef "http/range.h"

-- "from+length", "beyond" or "whole".
local function read(text, size)
  local range = ffi.new "struct mg_range"
  local kind = C.mg_range_read(core.str(text), size or 1000, range)
  if kind == C.MG_RANGE_PART then
    return ("%d+%d"):format(tonumber(range.from), tonumber(range.length))
  end
  return kind == C.MG_RANGE_BEYOND and "beyond" or "whole"
end

describe("a Range field", function()
  it("names one range by its ends, its begin, or the length of the end", function()
    for text, range in pairs {
      ["bytes=0-0"] = "0+1", ["bytes=0-499"] = "0+500", ["bytes=500-999"] = "500+500", ["bytes=999-999"] = "999+1",
      ["bytes=500-"] = "500+500", ["bytes=0-"] = "0+1000", ["bytes=-1"] = "999+1", ["bytes=-500"] = "500+500",
      ["BYTES=1-2"] = "1+2", ["bytes= 1-2 "] = "1+2", ["bytes=,1-2,"] = "1+2", ["bytes=007-8"] = "7+2",
    } do
      assert.equal(range, read(text), text)
    end
  end)

  it("ends where the file does", function()
    for text, range in pairs {
      ["bytes=900-1000"] = "900+100", ["bytes=900-18446744073709551615"] = "900+100",
      ["bytes=900-99999999999999999999999"] = "900+100", ["bytes=-1001"] = "0+1000",
      ["bytes=-99999999999999999999999"] = "0+1000",
    } do
      assert.equal(range, read(text), text)
    end
  end)

  it("behind the end cannot be satisfied", function()
    for _, text in ipairs { "bytes=1000-", "bytes=1000-1000", "bytes=5000-6000", "bytes=-0",
      "bytes=99999999999999999999999-", "bytes=18446744073709551615-18446744073709551615" } do
      assert.equal("beyond", read(text), text)
    end
    assert.equal("beyond", read("bytes=0-", 0))
    assert.equal("beyond", read("bytes=0-0", 0))
    assert.equal("whole", read("bytes=-5", 0))
  end)

  it("is ignored when it is none, or names several", function()
    for _, text in ipairs { "", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=a-b", "bytes=1-2x", "bytes=1 - 2",
      "bytes=2-1", "bytes=--1", "bytes=1--2", "bytes=+1-2", "bytes=0x1-2", "bytes=1", "bytes:1-2", "bytes =1-2",
      "lines=1-2", "bytes=0-0,2-3", "bytes=0-0, -1", "bytes=5000-,6000-", " bytes=1-2", "bytes=1-2;q=1" } do
      assert.equal("whole", read(text), text)
    end
  end)

  it("is answered by a Content-Range", function()
    local text, range = ffi.new "char[72]", ffi.new("struct mg_range", 5, 10)
    C.mg_range_write(range, 1000, text)
    assert.equal("bytes 5-14/1000", ffi.string(text))
    C.mg_range_write(nil, 1000, text)
    assert.equal("bytes */1000", ffi.string(text))
    local most = -1ULL
    C.mg_range_write(ffi.new("struct mg_range", most - 1, 1), most, text)
    assert.equal("bytes 18446744073709551614-18446744073709551614/18446744073709551615", ffi.string(text))
  end)
end)
