-- Slices of valid JSON text: types, members, elements, paths, unescaped strings and numbers.
local core = require "support.core"
local ffi = require "ffi"
local C = core.cdef "json/scan.h"

local function each(text)
  local iter, out, source = ffi.new "struct mg_json_iter", {}, core.str(text)
  C.mg_json_begin(iter, source)
  while C.mg_json_next(iter) do
    out[#out + 1] = { core.text(iter.key) or "", core.text(iter.value) }
  end
  return out
end

local function member(text, name)
  local value = ffi.new "struct mg_str"
  local source = core.str(text)
  return C.mg_json_member(source, core.str(name), value) and core.text(value) or nil
end

local function walk(text, ...)
  local count = select("#", ...)
  local steps, keys = ffi.new("struct mg_json_step[?]", count), {}
  for i = 1, count do
    local step = select(i, ...)
    if type(step) == "string" then
      keys[i] = core.str(step)
      steps[i - 1].kind, steps[i - 1].key = C.MG_JSON_KEY, keys[i]
    elseif type(step) == "number" then
      steps[i - 1].kind, steps[i - 1].index = C.MG_JSON_INDEX, step
    else
      steps[i - 1].kind = C.MG_JSON_EACH
    end
  end
  local found, source = ffi.new "struct mg_str", core.str(text)
  return C.mg_json_walk(source, steps, count, found) and core.text(found) or nil
end

local function unescaped(text)
  local buf, source = core.buf(), core.str(text)
  assert.is_true(C.mg_json_text(source, buf))
  local arena = core.arena()
  assert.equal(core.text(buf), core.text(C.mg_json_text_in(source, arena)))
  return core.text(buf)
end

describe("the keys of an object", function()
  local function fit(text, most)
    return C.mg_json_keys_fit(core.str(text), most)
  end

  it("are counted object by object, and no colon in a string is one", function()
    for text, most in pairs {
      ['{}'] = 0, ['[]'] = 0, ['{"":1}'] = 1, [' { "a" : 1 , "b" : 2 } '] = 2, ['{"a":{"a":1,"b":2},"b":{"a":1}}'] = 2,
      ['[{"a":1},{"a":1},{"a":":::::::::::::::::::::"}]'] = 1, [ [[{":\"\\\":":1,"b":"\":\":","c":[{"a":1}]}]] ] = 3,
    } do
      assert.is_true(fit(text, most), text)
      assert.equal(most == 0, fit(text, most - 1), text)
    end
    local many = {}
    for i = 1, 1000 do
      many[i] = '"":0'
    end
    local text = "{" .. table.concat(many, ",") .. "}"
    assert.same({ true, false }, { fit(text, 1000), fit(text, 999) })
  end)
end)

describe("a value", function()
  it("is trimmed and told by its first byte", function()
    assert.equal("[ 1 ]", core.text(C.mg_json_trim(core.str " \r\n\t[ 1 ]\n ")))
    for text, kind in pairs {
      ["null"] = "NULL", ["false"] = "FALSE", ["true"] = "TRUE", ["-1"] = "NUMBER", ["0"] = "NUMBER",
      ['"x"'] = "STRING", ["[]"] = "ARRAY", [" {}"] = "OBJECT",
    } do
      assert.equal(C["MG_JSON_" .. kind], C.mg_json_type(core.str(text)), text)
    end
  end)
end)

describe("a walk through a container", function()
  it("gives the members with quoted keys and trimmed values", function()
    assert.same({ { '"a"', "1" }, { '"b \\" "', '[ 1, "]" ]' }, { '""', "{}" } },
      each ' { "a" : 1 , "b \\" ":[ 1, "]" ],"":{}} ')
  end)

  it("gives the elements of an array", function()
    assert.same({ { "", '"a,]"' }, { "", "[[],[{}]]" }, { "", "null" }, { "", "-1.5e3" } },
      each '["a,]",[[],[{}]], null ,-1.5e3]')
  end)

  it("ends at once for empty containers and for what is none", function()
    for _, text in ipairs { "[]", "[ ]", "{}", "{\n}", "1", '"[1]"', "null", "" } do
      assert.same({}, each(text))
    end
  end)

  it("is not misled by brackets and escaped quotes in strings", function()
    assert.same({ { "", [[{"a\\":"}\"]"}]] }, { "", "2" } }, each [[ [{"a\\":"}\"]"},2] ]])
  end)
end)

describe("a member", function()
  it("is found by its unescaped name; of duplicates the last counts", function()
    assert.equal("2", member('{"a":1,"b":3,"a":2}', "a"))
    assert.equal("1", member([[{"\u0061\"":1}]], 'a"'))
    assert.equal("1", member([[{"\ud83d\ude00":1}]], "\240\159\152\128"))
    assert.equal("1", member([[{"a\\b":1}]], [[a\b]]))
    assert.equal("1", member('{"":1}', ""))
  end)

  it("is not found where there is none", function()
    assert.is_nil(member('{"a":1}', "b"))
    assert.is_nil(member('{"ab":1}', "a"))
    assert.is_nil(member('{"a":1}', "ab"))
    assert.is_nil(member([[{"\u0061b":1}]], "a"))
    assert.is_nil(member([[{"\u0061":1}]], "ab"))
    assert.is_nil(member([[{"a\n":1}]], [[a\n]]))
    assert.is_nil(member('["a",1]', "a"))
    assert.is_nil(member('"a"', "a"))
  end)
end)

describe("a path", function()
  local text = '{"a":{"b":[10,{"c":" x "}]},"n":null}'

  it("follows keys and indexes counted from 1", function()
    assert.equal('" x "', walk(text, "a", "b", 2, "c"))
    assert.equal("10", walk(text, "a", "b", 1))
    assert.equal("null", walk(text, "n"))
    assert.equal(text, walk(" " .. text .. " "))
  end)

  it("leads nowhere when a step does not fit", function()
    assert.is_nil(walk(text, "a", "b", 3))
    assert.is_nil(walk(text, "a", "b", 0))
    assert.is_nil(walk(text, "a", 1))
    assert.is_nil(walk(text, "a", "b", "c"))
    assert.is_nil(walk(text, "n", "x"))
    assert.is_nil(walk(text, "a", "b", {})) -- "each" is the caller's to follow
  end)
end)

describe("a string", function()
  it("is unescaped as UTF-8", function()
    assert.equal("", unescaped '""')
    assert.equal("plain \195\188", unescaped '"plain \195\188"')
    assert.equal('"\\/\b\f\n\r\t', unescaped [["\"\\\/\b\f\n\r\t"]])
    assert.equal("A\194\128\224\160\128\239\191\191", unescaped [["\u0041\u0080\u0800\uFFFF"]])
    assert.equal("x\0y", unescaped [["x\u0000y"]])
    assert.equal("\240\157\132\158!", unescaped [["\uD834\uDd1e!"]])
  end)

  it("has U+FFFD in the place of half a surrogate pair", function()
    assert.equal("\239\191\189", unescaped [["\ud800"]])
    assert.equal("\239\191\189x", unescaped [["\udc00x"]])
    assert.equal("\239\191\189\239\191\189", unescaped [["\ud800\ud800"]])
    assert.equal("\239\191\189\n", unescaped [["\ud800\n"]])
    assert.equal("\239\191\189A", unescaped [["\ud800\u0041"]])
    assert.equal("\239\191\189\240\144\128\128", unescaped [["\ud800\ud800\udc00"]])
  end)

  it("is borrowed when nothing in it is escaped", function()
    local source, arena = core.str '"abc"', core.arena()
    local text = C.mg_json_text_in(source, arena)
    assert.equal(source.data + 1, text.data)
    assert.equal(0, tonumber(arena.used))
  end)

  it("that does not fit fails the buffer", function()
    local buf = core.buf(3)
    assert.is_false(C.mg_json_text(core.str [["a\nbc"]], buf))
    assert.equal(C.MG_TOO_LARGE, buf.failed)
    buf = core.buf(4)
    assert.is_true(C.mg_json_text(core.str [["a\nbc"]], buf))
  end)
end)

describe("a number", function()
  ffi.cdef "double strtod(const char *text, char **end);" -- an independent reader

  local function int(text)
    local value = ffi.new "int64_t[1]"
    return C.mg_json_int(core.str(text), value) and value[0] or nil
  end

  it("is an int64 when written as one", function()
    assert.equal(0LL, int "0")
    assert.equal(0LL, int "-0")
    assert.equal(-42LL, int "-42")
    assert.equal(9223372036854775807LL, int "9223372036854775807")
    assert.is_true(int "-9223372036854775808" == -9223372036854775807LL - 1)
    for _, text in ipairs {
      "9223372036854775808", "-9223372036854775809", "18446744073709551616", "1.0", "1e2", "-",
    } do
      assert.is_nil(int(text), text)
    end
  end)

  it("is the nearest double, however it is written", function()
    local texts = {
      "0", "1", "12.34", "-1.5e3", "0.1", "1e22", "1e23", "123456789012345678", "9007199254740993",
      "9007199254740992.9999", "1.7976931348623157e308", "1e308", "4.9e-324", "2.4703282292062328e-324",
      "2.2250738585072011e-308", "2.2250738585072014e-308", "0.000000000000000000000000000001e30",
      "1000000000000000000000000000000e-30", "179769313486231580793e289", "0e999999999999999999",
      "0." .. ("0"):rep(2000) .. "1e2000", "1" .. ("0"):rep(2000) .. "e-2000",
      "9007199254740993" .. ("0"):rep(900) .. "1e-901", "9007199254740993." .. ("0"):rep(900),
      "9007199254740992." .. ("9"):rep(2000), "1e-99999999999999999999",
    }
    for _, text in ipairs(texts) do
      assert.equal(C.strtod(text, nil), C.mg_json_double(core.str(text)), text)
    end
    assert.equal(math.huge, C.mg_json_double(core.str "1e999"))
    assert.equal(-math.huge, C.mg_json_double(core.str "-1e99999999999999999999"))
    assert.equal(-math.huge, 1 / C.mg_json_double(core.str "-0"))
    assert.equal(-math.huge, 1 / C.mg_json_double(core.str "-0.0e5"))
  end)

  it("is the nearest double for random digits and exponents", function()
    math.randomseed(8259)
    for _ = 1, 20000 do
      local text = ("%d%.0f.%.0fe%d"):format(math.random(0, 9), math.random() * 10 ^ math.random(1, 17),
        math.random() * 10 ^ math.random(1, 17), math.random(-330, 310))
      text = text:gsub("^0+(%d)", "%1")
      assert.equal(C.strtod(text, nil), C.mg_json_double(core.str(text)), text)
    end
  end)
end)
