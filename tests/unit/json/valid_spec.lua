-- The validator against RFC 8259, its own bounds, and the cases that JSONTestSuite published.
local core = require "support.core"
local ffi = require "ffi"
local lfs = require "lfs"
local places = require "support.places"
local C = core.cdef "json/scan.h"

local function valid(text, depth)
  local at = ffi.new "size_t[1]"
  local ok = C.mg_json_valid(core.str(text), depth or C.MG_JSON_DEPTH_MOST, at)
  return ok, not ok and tonumber(at[0]) or nil
end

local function accepts(text)
  local ok, at = valid(text)
  assert(ok, ("refused at byte offset %s: %s"):format(at, text))
end

local function refuses(text, offset)
  local ok, at = valid(text)
  assert(not ok, "accepted: " .. text)
  assert.equal(offset, at, text)
end

describe("valid JSON", function()
  it("is one value of any type with white space around it", function()
    for _, text in ipairs { "null", "true", "false", "0", '""', "[]", "{}", " \t\r\n[ ] \n" } do
      accepts(text)
    end
    refuses("", 0)
    refuses("   ", 3)
    refuses("1 2", 2)
    refuses("[]]", 2)
    refuses("\f1", 0)
    refuses("nul", 3)
    refuses("nulL", 3)
  end)

  it("writes numbers as RFC 8259 section 6 says", function()
    for _, text in ipairs { "-0", "10", "0.5", "-1.25e+10", "1E5", "1e-5", "123456789012345678901" } do
      accepts(text)
    end
    refuses("01", 1)
    refuses("-", 1)
    refuses("+1", 0)
    refuses(".5", 0)
    refuses("1.", 2)
    refuses("1.e5", 2)
    refuses("1e", 2)
    refuses("1e+", 3)
    refuses("0x10", 1)
    refuses("NaN", 0)
    refuses("Infinity", 0)
  end)

  it("escapes in strings what section 7 lists, and nothing else", function()
    accepts [["\"\\\/\b\f\n\r\t\u00e9\uD834\uDd1e"]]
    accepts [["\ud800 alone"]]
    accepts '"\127 is no control byte"'
    refuses([["\x41"]], 1)
    refuses([["\u12g4"]], 1)
    refuses([["\u12"]], 1)
    refuses([["ab\]], 3)
    refuses('"a\nb"', 2)
    refuses('"a\0b"', 2)
    refuses("'a'", 0)
  end)

  it("is found broken wherever in a word of eight bytes the wrong byte stands", function()
    for before = 0, 20 do
      for _, wrong in ipairs { "\31", "\255", "\0" } do
        refuses('"' .. ("x"):rep(before) .. wrong .. ("y"):rep(20) .. '"', before + 1)
      end
      accepts('"' .. ("x"):rep(before) .. [[\"]] .. ("y"):rep(20) .. '"')
      refuses('"' .. ("x"):rep(before), before + 1)
    end
  end)

  it("is UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF", function()
    local good = {
      "\194\128", "\223\191", "\224\160\128", "\237\159\191", "\238\128\128", "\239\191\191",
      "\240\144\128\128", "\244\143\191\191", "gr\195\188\195\159e \230\151\165\230\156\172 \240\159\152\128",
    }
    local bad = {
      "\128", "\191", "\192\128", "\193\191", "\194", "\194\194", "\224\159\191", "\224\160",
      "\237\160\128", "\237\191\191", "\239\191", "\240\143\191\191", "\240\144\128", "\244\144\128\128",
      "\245\128\128\128", "\255",
    }
    for _, text in ipairs(good) do
      accepts('"' .. text .. '"')
    end
    for _, text in ipairs(bad) do
      refuses('"' .. text .. '"', 1)
      refuses('"\195\188' .. text .. '"', 3)
    end
    refuses("\239\187\191{}", 0) -- a byte order mark
  end)

  it("has its commas, colons and brackets where they belong", function()
    accepts '{"a":[1,{"b":[]},{}],"a":{"":[[],[[]]]}}'
    refuses("[1,]", 3)
    refuses("[,1]", 1)
    refuses("[1 2]", 3)
    refuses("[1}", 2)
    refuses('{"a":1,}', 7)
    refuses('{"a" 1}', 5)
    refuses('{"a":}', 5)
    refuses("{1:2}", 1)
    refuses('{"a":1]', 6)
    refuses('{"a"}', 4)
    refuses('{"a', 3)
    refuses('{"a":1', 6)
    refuses("[", 1)
    refuses("[1", 2)
    refuses("{", 1)
    refuses("]", 0)
  end)

  it("nests as deep as the caller says, and never deeper than the bound", function()
    local function nested(depth)
      return ("["):rep(depth) .. ("]"):rep(depth)
    end
    assert.is_true(valid(nested(3), 3))
    assert.same({ false, 3 }, { valid(nested(4), 3) })
    assert.is_true(valid("7", 0))
    assert.same({ false, 0 }, { valid("[]", 0) })
    local most = C.MG_JSON_DEPTH_MOST
    assert.is_true(valid(nested(most)))
    assert.same({ false, most }, { valid(nested(most + 1), 2 ^ 31) })
    assert.is_false((valid(('{"a":'):rep(100000))))
    assert.is_true(valid('{"a":[' .. nested(2) .. "," .. nested(2) .. "]}", 4)) -- depth, not count
  end)
end)

describe("JSONTestSuite", function()
  local corpora = os.getenv "MG_CORPORA" or places.checkout .. "/../shared/corpora"
  local folder = corpora .. "/JSONTestSuite/test_parsing"
  if not lfs.attributes(folder) then
    pending "is not here: every y_ accepted, every n_ refused"
    return
  end

  local function wrong(prefix, expected)
    local names, count = {}, 0
    for name in lfs.dir(folder) do
      if name:sub(1, 2) == prefix then
        count = count + 1
        local file = assert(io.open(folder .. "/" .. name, "rb"))
        local ok = valid(file:read "*a")
        file:close()
        if expected ~= nil and ok ~= expected then
          names[#names + 1] = name
        end
      end
    end
    return names, count
  end

  it("has every y_ accepted", function()
    local names, count = wrong("y_", true)
    assert.same({}, names)
    assert(count >= 90, "only " .. count .. " files")
  end)

  it("has every n_ refused", function()
    local names, count = wrong("n_", false)
    assert.same({}, names)
    assert(count >= 180, "only " .. count .. " files")
  end)

  it("has what is not UTF-8 or too deep refused, and what only reads oddly accepted", function()
    local refused = {}
    for _, name in ipairs((wrong("i_", true))) do
      refused[name] = true
    end
    assert.is_true(refused["i_string_UTF-8_invalid_sequence.json"])
    assert.is_true(refused["i_structure_UTF-8_BOM_empty_object.json"])
    assert.is_true(refused["i_structure_500_nested_arrays.json"])
    assert.is_nil(refused["i_number_huge_exp.json"])
    assert.is_nil(refused["i_object_key_lone_2nd_surrogate.json"])
  end)
end)
