-- HTTP dates: the three forms of RFC 9110 §5.6.7, and what is none.
local core = require "support.core"
local ffi = require "ffi"
local C = core.cdef "http/date.h"

local NOW = 1700000000 -- November 2023

local function read(text, now)
  local seconds = ffi.new "int64_t[1]"
  return C.mg_date_parse(core.str(text), now or NOW, seconds) and tonumber(seconds[0]) or nil
end

local function write(seconds)
  local text = ffi.new "char[30]"
  C.mg_date_write(seconds, text)
  return ffi.string(text)
end

describe("an HTTP date", function()
  it("is written as IMF-fixdate", function()
    for seconds, date in pairs {
      [784111777] = "Sun, 06 Nov 1994 08:49:37 GMT", [0] = "Thu, 01 Jan 1970 00:00:00 GMT",
      [951782400] = "Tue, 29 Feb 2000 00:00:00 GMT", [253402300799] = "Fri, 31 Dec 9999 23:59:59 GMT",
      [1e15] = "Fri, 31 Dec 9999 23:59:59 GMT", [-5] = "Thu, 01 Jan 1970 00:00:00 GMT",
    } do
      assert.equal(date, write(seconds))
    end
  end)

  it("is read in all three forms", function()
    for _, text in ipairs { "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
      "Sun Nov  6 08:49:37 1994" } do
      assert.equal(784111777, read(text), text)
    end
    assert.equal(784975777, read "Wed Nov 16 08:49:37 1994")
  end)

  it("is read back as it was written", function()
    for seconds = 0, 4e9, 86399977 do
      assert.equal(seconds, read(write(seconds)))
    end
  end)

  it("of two digits for the year is at most fifty years ahead", function()
    assert.equal("Sun, 06 Nov 2033 08:49:37 GMT", write(read "Sunday, 06-Nov-33 08:49:37 GMT"))
    assert.equal("Mon, 06 Nov 2073 08:49:37 GMT", write(read "Monday, 06-Nov-73 08:49:37 GMT"))
    assert.equal("Wed, 06 Nov 1974 08:49:37 GMT", write(read "Wednesday, 06-Nov-74 08:49:37 GMT"))
  end)

  it("may be a leap day or a leap second, but is a day that there is", function()
    assert.equal(951782400, read "Tue, 29 Feb 2000 00:00:00 GMT")
    assert.equal(read "Sun, 01 Jan 2017 00:00:00 GMT", read "Sat, 31 Dec 2016 23:59:60 GMT")
    for _, text in ipairs { "Mon, 29 Feb 2100 00:00:00 GMT", "Tue, 30 Feb 2000 00:00:00 GMT",
      "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
      "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 Nov 1994 08:49:61 GMT" } do
      assert.is_nil(read(text), text)
    end
  end)

  it("is nothing else", function()
    for _, text in ipairs { "", "0", "784111777", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
      "Sun, 06 Nov 1994 08:49:37 GMT ", " Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
      "sun, 06 nov 1994 08:49:37 gmt", "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06-Nov-94 08:49:37 GMT",
      "Sunday, 06 Nov 1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "Sun, 06 Nov 1994 8:49:37 GMT",
      "Sun, 06 Nov -994 08:49:37 GMT", "Xyz, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
      "1994-11-06T08:49:37Z" } do
      assert.is_nil(read(text), text)
    end
  end)
end)
