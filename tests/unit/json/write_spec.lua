-- JSON text written: strings that stay valid whatever the bytes, numbers in their shortest form.
local core = require "support.core"
local ffi = require "ffi"
local C = core.cdef("json/scan.h", "json/write.h")

local function put(verb, value)
  local buf = core.buf()
  assert.is_true(C["mg_json_put_" .. verb](buf, value))
  assert.equal(C.MG_OK, buf.failed)
  return core.text(buf)
end

local function double(value)
  return put("double", value)
end

local function string(bytes)
  return put("string", core.str(bytes))
end

describe("a string", function()
  it("is quoted, with quotes, backslashes and control bytes escaped", function()
    assert.equal('""', string "")
    assert.equal([["a\"b\\c/\b\f\n\r\t"]], string 'a"b\\c/\b\f\n\r\t')
    assert.equal([["\u0000\u0001\u001f\u000b]] .. '\127"', string "\0\1\31\11\127")
    assert.equal('"\195\188\240\159\152\128"', string "\195\188\240\159\152\128")
  end)

  it("has U+FFFD for what is not UTF-8", function()
    assert.equal('"a\239\191\189b"', string "a\255b")
    assert.equal('"\239\191\189"', string "\195")
    assert.equal('"\239\191\189\239\191\189\239\191\189"', string "\237\160\128")
  end)

  it("is valid JSON and reads back, for every byte at every place of a word", function()
    for byte = 0, 255 do
      for before = 0, 9 do
        local bytes = ("x"):rep(before) .. ("").char(byte) .. ("y"):rep(9)
        local text = string(bytes)
        assert.is_true(C.mg_json_valid(core.str(text), 0, nil), text)
        local back = core.buf()
        C.mg_json_text(core.str(text), back)
        assert.equal(byte < 128 and bytes or bytes:gsub("[\128-\255]", "\239\191\189"), core.text(back))
      end
    end
  end)

  it("that does not fit fails the buffer", function()
    for limit = 0, 7 do
      local buf = core.buf(limit)
      local fits = limit == 0 or limit == 7 -- 0 is no limit
      assert.equal(fits, C.mg_json_put_string(buf, core.str "a\nbc"))
      assert.equal(fits and C.MG_OK or C.MG_TOO_LARGE, buf.failed)
    end
  end)
end)

describe("a number", function()
  it("is written as an integer", function()
    assert.equal("0", put("int", 0LL))
    assert.equal("-7", put("int", -7LL))
    assert.equal("9223372036854775807", put("int", 9223372036854775807LL))
    assert.equal("-9223372036854775808", put("int", -9223372036854775807LL - 1))
  end)

  it("has the shortest form that reads back the same", function()
    for value, text in pairs {
      [0.5] = "0.5", [-12.34] = "-12.34", [0.1 + 0.2] = "0.30000000000000004", [1 / 3] = "0.3333333333333333",
      [100] = "100", [1e15] = "1000000000000000", [2 ^ 53] = "9007199254740992", [-2 ^ 53] = "-9007199254740992",
      [2 ^ 53 + 2] = "9.007199254740994e15", [1e16] = "1e16", [1e22] = "1e22", [1.5e300] = "1.5e300",
      [1e-4] = "0.0001", [1e-5] = "1e-5", [1.25e-7] = "1.25e-7", [5e-324] = "5e-324",
      [1.7976931348623157e308] = "1.7976931348623157e308", [2.2250738585072014e-308] = "2.2250738585072014e-308",
      [123456.789] = "123456.789", [0.00012] = "0.00012", [99999999.99999999] = "99999999.99999999",
      [1234567.00000001] = "1234567.00000001",
    } do
      assert.equal(text, double(value))
    end
    assert.equal("0", double(0))
    assert.equal("-0", double(-0.0))
  end)

  it("reads back the same and has no superfluous digit, for random doubles of all sizes", function()
    math.randomseed(754)
    local bits = ffi.new "union { uint32_t half[2]; double value; }"
    for i = 1, 10000 do
      local value = math.random(0, 10 ^ math.random(1, 12)) / 10 ^ math.random(0, 9)
      local high = math.random(0, 2 ^ 32 - 1)
      local finite = math.floor(high / 2 ^ 20) % 2 ^ 11 ~= 2 ^ 11 - 1 -- the exponent's bits
      if i % 2 == 0 and finite then
        bits.half[0], bits.half[1] = math.random(0, 2 ^ 32 - 1), high
        value = bits.value
      end
      local text = double(value)
      local str = core.str(text)
      assert(tonumber(text) == value and C.mg_json_double(str) == value, text)
      assert(C.mg_json_valid(str, 0, nil), text)
      local digits = #text:gsub("e.*", ""):gsub("[-.]", ""):gsub("^0+", "")
      if digits > 1 and not (math.abs(value) <= 2 ^ 53 and value % 1 == 0) then
        assert(value ~= tonumber(("%%.%dg"):format(digits - 1):format(value)), text)
      end
    end
  end)

  it("is not written when JSON has none", function()
    for _, value in ipairs { 0 / 0, math.huge, -math.huge } do
      local buf = core.buf()
      assert.is_false(C.mg_json_put_double(buf, value))
      assert.equal("", core.text(buf))
      assert.equal(C.MG_OK, buf.failed)
    end
  end)
end)
