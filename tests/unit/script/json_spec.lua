-- JSON for scripts: what comes in goes out again without loss, and what JSON cannot say is refused
-- with the place where it stands.
local json = require "moongate.json"
local null, list, encode, decode = json.null, json.list, json.encode, json.decode

local function again(text)
  return encode(assert(decode(text)))
end

-- Behind the file and line of the caller.
local function refusal(value)
  local ok, why = pcall(function() return encode(value) end)
  assert(not ok, "encoded: " .. tostring(why))
  return (why:gsub("^[^:]*json_spec%.lua:%d+: ", ""))
end

describe("decoded JSON", function()
  it("is plain Lua values", function()
    assert.same({ id = 42, name = "Ada", ok = true, no = false, tags = { "a", "b" }, deep = { x = { {} } } },
      decode ' { "id" : 42, "name":"Ada", "ok":true,"no":false,"tags":["a","b"],"deep":{"x":[{}]}} ')
    assert.equal(1.5, decode "1.5")
    assert.equal("\195\188\n\0\240\159\152\128", decode [["\u00fc\n\u0000\ud83d\ude00"]])
    assert.equal(100, decode "1e2")
    assert.equal(-math.huge, 1 / decode "-0")
    assert.equal(123456789012345, decode "123456789012345")
    assert.equal(-1234567890123456, decode "-1234567890123456")
  end)

  it("has lists that work like any table", function()
    local t = decode "[3,1,2]"
    assert.equal(3, #t)
    table.insert(t, 0)
    table.sort(t)
    local seen = {}
    for i, v in ipairs(t) do
      seen[i] = v
    end
    for k, v in pairs(t) do
      assert.equal(seen[k], v)
    end
    assert.same({ 0, 1, 2, 3 }, seen)
    assert.equal("0-1-2-3", table.concat(t, "-"))
    assert.equal(2, (select(3, unpack(t))))
    assert.equal("[0,1,2,3]", encode(t))
  end)

  it("is complete whatever the number of elements and members", function()
    for _, count in ipairs { 0, 1, 2, 15, 16, 17, 31, 32, 33, 34, 64, 65, 66, 1000, 5000 } do
      local items, members = {}, {}
      for i = 1, count do
        items[i] = tostring(i)
        members[i] = ('"k%05d":%d'):format(i, i)
      end
      local array, object = "[" .. table.concat(items, ",") .. "]", "{" .. table.concat(members, ",") .. "}"
      assert.equal(array, again(array))
      assert.equal(object, again(object))
      assert.equal(count, #decode(array))
      assert.equal(count > 0 and count or nil, decode(object)[("k%05d"):format(count)])
    end
  end)

  it("has the last of duplicate keys", function()
    assert.same({ a = 3, b = 2 }, decode '{"a":1,"b":2,"a":3}')
    local many = {}
    for i = 1, 40 do
      many[i] = ('"k%d":0'):format(i)
    end
    assert.equal(7, decode('{"k1":5,' .. table.concat(many, ",") .. ',"k40":6,"k1":7}').k1)
    assert.equal(2, decode([[{"a":1,"\u0061":2}]]).a)
  end)

  it("is refused with the byte where it goes wrong", function()
    assert.same({ nil, "not JSON: byte 4" }, { decode "[1,]" })
    assert.same({ nil, "not JSON: cut short after byte 3" }, { decode "[1," })
    assert.same({ nil, "not JSON: cut short after byte 0" }, { decode "" })
    assert.has_error(function() decode(12) end)
    assert.has_error(function() decode() end)
  end)

  it("nests up to the bound", function()
    local text = ("["):rep(128) .. ("]"):rep(128)
    assert.equal(text, again(text))
    text = ('{"a":'):rep(127) .. "[]" .. ("}"):rep(127)
    assert.equal(text, again(text))
    assert.is_nil((decode(("["):rep(129) .. ("]"):rep(129))))
    local wide = ("[" .. ("1,"):rep(31)):rep(128):sub(1, -2) .. ("]"):rep(128)
    assert.equal(wide, again(wide))
  end)

  it("survives a collector that runs all the time", function()
    local text = '{"a":[1,"x\\n",{"b":[12345678901234567890,null,[]]}],"c":{}}'
    local pause, step = collectgarbage("setpause", 0), collectgarbage("setstepmul", 100000)
    for _ = 1, 300 do
      assert.equal(text, again(text))
    end
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", step)
  end)
end)

describe("lists", function()
  it("stay lists when empty, and objects objects", function()
    assert.equal('{"a":[],"b":{}}', again '{"b":{},"a":[ ]}')
    assert.equal("{}", encode {})
    assert.equal("[]", encode(list {}))
    assert.equal('[[1]]', encode { { 1 } })
  end)

  it("can be marked and told apart", function()
    local t = {}
    assert.equal(t, list(t))
    assert.is_true(json.is_list(t))
    assert.equal(t, list(t))
    assert.is_true(json.is_list(decode "[]"))
    assert.is_false(json.is_list {})
    assert.is_false(json.is_list { 1 })
    assert.is_false(json.is_list "x")
    assert.is_false(json.is_list(null))
  end)

  it("keep their mark from scripts", function()
    local t = list {}
    assert.is_false(getmetatable(t))
    assert.has_error(function() setmetatable(t, {}) end)
    assert.has_error(function() list(setmetatable({}, {})) end)
    assert.has_error(function() list(null) end)
    assert.has_error(function() list() end)
  end)
end)

describe("null", function()
  it("is one value that is kept", function()
    assert.equal('{"a":null,"b":[null,1]}', again '{"a":null,"b":[null,1]}')
    assert.equal(null, decode("[null]")[1])
    assert.equal(null, decode "null")
    assert.equal("null", encode(null))
    assert.equal("null", encode(nil))
    assert.equal("null", tostring(null))
  end)

  it("gives nil for whatever is looked up in it, and takes nothing", function()
    assert.is_nil(null.anything)
    assert.is_nil(null[1])
    assert.has_error(function() null.x = 1 end)
    assert.is_false(getmetatable(null))
  end)
end)

describe("an integer beyond 2^53", function()
  local text = "9007199254740993"
  local big = decode(text)

  it("keeps its digits", function()
    for _, digits in ipairs { text, "-" .. text, "18446744073709551616", ("7"):rep(400) } do
      assert.equal("[" .. digits .. "]", again("[" .. digits .. "]"))
      assert.equal(digits, tostring(decode(digits)))
    end
  end)

  it("begins above 2^53 and needs no fraction or exponent", function()
    assert.equal(2 ^ 53, decode "9007199254740992")
    assert.equal(-2 ^ 53, decode "-9007199254740992")
    assert.equal("userdata", type(decode "-9007199254740993"))
    assert.equal(9007199254740993.0, decode "9007199254740993.0")
    assert.equal(1e20, decode "1e20")
  end)

  it("is one value, so that == and table keys work", function()
    assert.is_true(big == decode(text))
    assert.is_true(rawequal(big, decode("[" .. text .. "]")[1]))
    assert.is_false(big == decode "9007199254740995")
    assert.is_false(big == 9007199254740993)
    local by_id = { [big] = "found" }
    assert.equal("found", by_id[decode(text)])
  end)

  it("is forgotten when nobody holds it", function()
    local seen = setmetatable({}, { __mode = "k" })
    seen[decode "123456789012345678901234567890"] = true
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(seen))
    assert.equal("123456789012345678901234567890", tostring(decode "123456789012345678901234567890"))
  end)

  it("goes into strings", function()
    assert.equal("/users/" .. text, "/users/" .. big)
    assert.equal(text .. "7", big .. 7)
    assert.equal(text .. text, big .. big)
    assert.equal(text, ("%s"):format(big))
    assert.has_error(function() return big .. {} end)
  end)

  it("refuses arithmetic and comparison by size", function()
    local operations = {
      function() return big + 1 end, function() return 1 - big end, function() return big * big end,
      function() return big / 2 end, function() return big % 2 end, function() return 2 ^ big end,
      function() return -big end, function() return big < big end, function() return big <= big end,
    }
    for _, operation in ipairs(operations) do
      local ok, why = pcall(operation)
      assert.is_false(ok)
      assert.truthy(why:find("json_spec.lua:%d+: 9007199254740993 is beyond 2^53", 1) or
        why:find("9007199254740993 is beyond 2^53", 1, true), why)
    end
    assert.has_error(function() return big < 1 end)
  end)
end)

describe("encoded JSON", function()
  it("has its keys in byte order and its numbers in the shortest form", function()
    assert.equal('{"":0,"B":1,"a":2,"aa":3,"b":4,"\195\164":5}',
      encode { b = 4, a = 2, aa = 3, B = 1, [""] = 0, ["\195\164"] = 5 })
    assert.equal("[1,-0,0.1,1e300,12.5]", encode { 1, -0.0, 0.1, 1e300, 12.5 })
    local keys, t = {}, {}
    for i = 1, 300 do
      keys[i] = ('"%d":%d'):format(i * 7919 % 1000, i)
      t[tostring(i * 7919 % 1000)] = i
    end
    table.sort(keys)
    assert.equal("{" .. table.concat(keys, ",") .. "}", encode(t))
  end)

  it("escapes strings and names and stays UTF-8", function()
    assert.equal([[{"a\"\n":"\u0000\\"}]], encode { ['a"\n'] = "\0\\" })
    assert.equal('"\239\191\189"', encode "\255")
  end)

  it("looks at a table itself, not at what its metatable adds", function()
    local t = setmetatable({ a = 1 }, { __index = { b = 2 }, __pairs = error, __len = error, __metatable = "x" })
    assert.equal('{"a":1}', encode(t))
  end)

  it("is an array for elements 1..n wherever the table keeps them", function()
    assert.equal("[1,2,3]", encode { [3] = 3, [2] = 2, [1] = 1 })
    local t = {}
    for i = 100, 1, -1 do
      t[i] = 0
    end
    assert.equal("[" .. ("0,"):rep(99) .. "0]", encode(t))
    local shrunk = decode "[1,2,3]"
    shrunk[3] = nil
    assert.equal("[1,2]", encode(shrunk))
  end)

  it("is complete where wide tables lie within wide tables, up to the bound", function()
    for _, width in ipairs { 30, 31, 32, 33, 40 } do
      local text, members = "[1]", {}
      for i = 1, width do
        members[i] = ('"k%02d":%d,'):format(i, i)
      end
      for _ = 1, 126 do
        text = "{" .. table.concat(members) .. '"m":' .. text .. "}"
      end
      local outer = decode(text)
      assert.equal(text, encode(outer))
      local inner = outer
      for _ = 1, 125 do
        inner = inner.m
      end
      inner.m = print
      assert.matches("^value" .. ("%.m"):rep(10) .. "%.%.%.: a function$", refusal(outer))
    end
  end)

  it("refuses holes and mixed keys and names the place", function()
    assert.equal("value.items: a list with holes (no element 2)", refusal { items = { 1, nil, 3 } })
    assert.equal("value: a list with holes (no element 1)", refusal { [1000000] = 1 })
    assert.equal('value[2].x: a list with the key "b"', refusal { 1, { x = { 1, c = 1, b = 2 } } })
    assert.equal('value: a list with the key "a"', refusal(list { a = 1 }))
    assert.equal("value: the number 1.5 as a key (only elements 1..n have numbers)", refusal { [1.5] = 1 })
    assert.equal("value: the number 0 as a key (only elements 1..n have numbers)", refusal { [0] = 1 })
    assert.equal("value: the number -1 as a key (only elements 1..n have numbers)", refusal { [-1] = 1 })
    assert.equal("value: the number 1e+300 as a key (only elements 1..n have numbers)", refusal { [1e300] = 1 })
    assert.equal("value: a boolean as a key", refusal { [true] = 1 })
    assert.equal("value.a: a table as a key", refusal { a = { [{}] = 1 } })
  end)

  it("refuses what JSON cannot say", function()
    assert.equal("value.price: not a number (NaN)", refusal { price = 0 / 0 })
    assert.equal("value[1]: an infinite number", refusal { -math.huge })
    assert.equal("value.f: a function", refusal { f = print })
    assert.equal("value: a thread", refusal(coroutine.create(print)))
    assert.equal("value: a userdata", refusal(io.stdout))
    assert.equal("value: a cdata", refusal(1LL))
    assert.has_error(function() encode() end)
  end)

  it("names odd keys in brackets and cuts long ways", function()
    assert.equal('value["x-y"].ok[1]["1"]: a function', refusal { ["x-y"] = { ok = { { ["1"] = print } } } })
    assert.equal('value["' .. ("k"):rep(40) .. '..."]: a function', refusal { [("k"):rep(50)] = print })
    assert.equal('value["' .. ("k"):rep(39) .. '..."]: a function', refusal { [("k"):rep(39) .. "\195\188"] = print })
    assert.equal('value["a?b??"]: a function', refusal { ["a\nb\0\r"] = print })
    assert.equal('value: a list with the key "a?b"', refusal { 1, ["a\nb"] = 2 })
  end)

  it("refuses a table that contains itself", function()
    local t = { name = "x" }
    t.self = t
    local why = refusal(t)
    assert.equal("value" .. (".self"):rep(10) .. "...: nested too deep (does a table contain itself?)", why)
    local deep = {}
    for _ = 1, 128 do
      deep = { deep }
    end
    assert.truthy(refusal(deep):find("nested too deep", 1, true))
    assert.equal(("["):rep(127) .. "{}" .. ("]"):rep(127), encode(deep[1]))
  end)

  it("says the file and line of the caller", function()
    local ok, why = pcall(function() encode { print } end)
    assert.is_false(ok)
    assert.truthy(why:find "json_spec%.lua:%d+: value%[1%]: a function$", why)
  end)

  it("is bounded in size", function()
    local mib = ("x"):rep(2 ^ 20)
    local t = {}
    for i = 1, 20 do
      t[i] = mib
    end
    assert.equal("value: more than 16777216 bytes of JSON", refusal(t))
    assert.equal('{"a":1}', encode { a = 1 }) -- and leaves nothing behind
  end)
end)

describe("raw JSON", function()
  it("is written as it stands", function()
    local raw = json.raw ' {"b":1.0, "a":[1,  2]}\n'
    assert.equal('{"data":{"b":1.0, "a":[1,  2]}}', encode { data = raw })
    assert.equal('{"b":1.0, "a":[1,  2]}', tostring(raw))
  end)

  it("must be JSON", function()
    local ok, why = pcall(json.raw, "{oops}")
    assert.is_false(ok)
    assert.truthy(why:find("not JSON: byte 2", 1, true), why)
    assert.has_error(function() json.raw(7) end)
  end)
end)
