-- Lua's patterns in our own matcher: what LuaJIT's says of a text, ours says, too.
local texts = require "moongate.text"
local wait = require "support.wait"

local native = { find = string.find, match = string.match, gmatch = string.gmatch, gsub = string.gsub,
  concat = table.concat, sort = table.sort }

local function outcome(fn, ...)
  local got = { pcall(fn, ...) }
  for i = 1, 8 do
    got[i] = got[i] == nil and "nil" or got[i]
  end
  if not got[1] then
    got[2] = tostring(got[2]):gsub("^.-:%d+: ", ""):gsub("to '%?'", ""):gsub("to '%w+'", "")
  end
  return got
end

local function all(gmatch)
  return function(text, pattern)
    local found = {}
    for a, b, c in gmatch(text, pattern) do
      found[#found + 1] = ("%s|%s|%s"):format(tostring(a), tostring(b), tostring(c))
      if #found > 50 then
        break
      end
    end
    return table.concat(found, "\n")
  end
end

local function compare(text, pattern, ...)
  local shown = ("%q %q"):format(text, pattern)
  assert.same(outcome(native.find, text, pattern, ...), outcome(texts.find, text, pattern, ...), shown)
  assert.same(outcome(native.match, text, pattern, ...), outcome(texts.match, text, pattern, ...), shown)
  assert.same(outcome(all(native.gmatch), text, pattern), outcome(all(texts.gmatch), text, pattern), shown)
  for _, new in ipairs { "<%0>", "%1%%", "", { a = "A", [""] = "e", b = false }, function(a, b) return b or a .. "!" end } do
    assert.same(outcome(native.gsub, text, pattern, new), outcome(texts.gsub, text, pattern, new), shown)
  end
  assert.same(outcome(native.gsub, text, pattern, "x", 1), outcome(texts.gsub, text, pattern, "x", 1), shown)
end

describe("patterns", function()
  it("mean what they mean in LuaJIT", function()
    for _, pattern in ipairs {
      "", "a", "a*", "a+", "a-", "a?", "^a", "a$", "^$", "^", "$", "a$b", ".", ".*", ".-", ".-b", "(a)(b)", "()a()", "(a*)(b-)",
      "%a+", "%A+", "%d", "%D", "%s*", "%w+", "%W", "%x+", "%p", "%c", "%l+", "%u+", "%z", "%g+", "%G", "%.", "%%", "[abc]+",
      "[^abc]", "[a-c]+", "[]]", "[^]]", "[%a_]+", "[a-]", "[-a]", "[%-a]", "[^%s]+", "%b()", "%bxx", "%f[%a]%a+", "%f[^%a]",
      "(a)%1", "(.)%1", "((a)(b))", "(%w+)=(%w+)", "^%s*(.-)%s*$", "([^,]*),?", "[%z]", "[a%]]+", "%f[%z]", "(()a)", "^(a)",
      "a%", "[a", "[^", "[]", "[%", "(", ")", "(a", "a)", "%1", "(%1)", "%b", "%bx", "%f", "%fa", "%0", "[a-%d]", "[%d-z]", "*", "*a",
      "+", "?", "-", "a**", "(a)*", "[[:alpha:]]", "%e", "[%e]", "(a)(b)(a)%3", "^^a", "a^", "$a", "%$",
    } do
      for _, text in ipairs {
        "", "a", "b", "ab", "aab", "abab", "aaabbb", "hello world", "x = 1, y = 22", "a(b(c)d)e", "THE (quick) fox", "  trim  ",
        "a,b,,c", "key=value; k2=v2", "a\0b", "\0", "ab]c", "a-b_c.d", "%", "\255\128a", "1a2b3c", "^a$", "((()))", "xaxbx", "\t\n\r ",
      } do
        compare(text, pattern)
      end
    end
  end)

  it("mean the same where they are made at random", function()
    local pieces = { "a", "b", ".", "%a", "%d", "[ab]", "[^a]", "[a-c]", "*", "+", "-", "?", "(", ")", "()", "^", "$", "%1", "%b()",
      "%f[%a]", "x", "%s", "%W", "[%w_]" }
    local bytes = { "a", "b", "c", "x", " ", "1", "(", ")", "a", "b", "\0", "_" }
    math.randomseed(7)
    local function made(from, most)
      local parts = {}
      for i = 1, math.random(0, most) do
        parts[i] = from[math.random(#from)]
      end
      return table.concat(parts)
    end
    for _ = 1, wait.slack > 1 and 200 or 3000 do
      compare(made(bytes, 12), made(pieces, 6))
    end
  end)

  it("begin where they are told to", function()
    for _, from in ipairs { 1, 2, 3, 4, 5, 0, -1, -2, -9, 100, 2.7 } do
      for _, pattern in ipairs { "", "a", "b*", "^b", "b", "(.)", "()" } do
        compare("abab", pattern, from)
      end
      assert.same({ native.find("a.b.", ".", from, true) }, { texts.find("a.b.", ".", from, true) })
      assert.same({ native.find("a.b.", "", from, true) }, { texts.find("a.b.", "", from, true) })
    end
  end)

  it("take what strings take, and refuse the rest in the same words", function()
    for _, name in ipairs { "find", "match", "gmatch", "gsub" } do
      for _, given in ipairs { {}, { "a" }, { {}, "a" }, { "a", {} }, { 12, 1 }, { "a", "a", {} }, { "a", "a", true },
                               { "a", "a", "x", "y" }, { 121, 2, 3 } } do
        if name ~= "gmatch" then
          assert.same(outcome(native[name], unpack(given, 1, 4)), outcome(texts[name], unpack(given, 1, 4)), name)
        end
      end
    end
    for _, new in ipairs { "%2", "%", "a%", "%a", "%9", 7, function() return {} end, function() return true end,
                           { a = true }, setmetatable({}, { __index = function(_, key) return key .. key end }) } do
      assert.same(outcome(native.gsub, "banana", "(a)", new), outcome(texts.gsub, "banana", "(a)", new))
      assert.same(outcome(native.gsub, "banana", "a", new), outcome(texts.gsub, "banana", "a", new))
    end
    for most = -1, 4 do
      assert.same(outcome(native.gsub, "banana", "a", "o", most), outcome(texts.gsub, "banana", "a", "o", most))
    end
    assert.same(outcome(native.find, ("a"):rep(40), ("(a)"):rep(33)), outcome(texts.find, ("a"):rep(40), ("(a)"):rep(33)))
    assert.same({ false, "pattern too complex" }, { unpack(outcome(texts.find, ("a"):rep(500), ("a?"):rep(500) .. "b"), 1, 2) })
  end)

  it("may hold NUL", function()
    assert.same({ 2, 3 }, { texts.find("a\0bc", "\0b") })
    assert.equal("\0\1", texts.match("a\0\1b", "[\0-\31]+"))
  end)

  it("work on large texts", function()
    local text = ("0123456789"):rep(6554)
    assert.same({ 1, #text }, { texts.find(text, "%d+") })
    assert.equal(text, texts.match(text, "^(.*)$"))
    assert.equal(65540, select(2, texts.gsub(text, "%d", "%0%0")))
    assert.equal(("x"):rep(65540), (texts.gsub(text, ".", function() return "x" end)))
  end)

  it("are joined as ever", function()
    for _, given in ipairs { { {} }, { { 1, 2, "x" } }, { { 1, 2, "x" }, ", " }, { { 1, 2, 3 }, ",", 2 }, { { 1, 2, 3 }, ",", 2, 3 },
                             { { 1, 2, 3 }, ",", 2, 9 }, { { 1, {}, 3 } }, { { 1, 2 }, {} }, { 7 }, {}, { { 1 }, ",", 3, 1 } } do
      assert.same(outcome(native.concat, unpack(given, 1, 4)), outcome(texts.concat, unpack(given, 1, 4)))
    end
  end)
end)

-- A list that is made while it is sorted, so that the sort is as slow as it can be (M. D. McIlroy, A
-- Killer Adversary for Quicksort, 1999): how often it compared.
local function slowest(sort, size)
  local value, list, solid, candidate, compared = {}, {}, 0, 0, 0
  for i = 1, size do
    list[i], value[i] = i, size
  end
  local function freeze(i)
    solid = solid + 1
    value[i] = solid
  end
  sort(list, function(a, b)
    compared = compared + 1
    if value[a] == size and value[b] == size then
      freeze(a == candidate and a or b)
    end
    candidate = value[a] == size and a or value[b] == size and b or candidate
    return value[a] < value[b]
  end)
  return compared
end

describe("table.sort", function()
  it("puts lists in order, as ever", function()
    math.randomseed(7)
    for _, size in ipairs { 0, 1, 2, 3, 7, 8, 9, 16, 17, 31, 100, 128, 129, 1000 } do
      for _, most in ipairs { 1, 3, size + 1, 1e9 } do
        local list, other, texts_of = {}, {}, {}
        for i = 1, size do
          list[i] = math.random(0, most)
          other[i], texts_of[i] = list[i], ("text %09d"):format(list[i])
        end
        native.sort(list)
        texts.sort(other)
        assert.same(list, other)
        texts.sort(other, function(a, b) return a > b end)
        for i = 1, size do
          assert.equal(list[size + 1 - i], other[i])
        end
        texts.sort(texts_of)
        for i = 1, size do
          assert.equal(("text %09d"):format(list[i]), texts_of[i])
        end
      end
    end
  end)

  it("leaves equal elements in their order", function()
    local list = {}
    for i = 1, 500 do
      list[i] = { key = i * 7919 % 5, at = i }
    end
    texts.sort(list, function(a, b) return a.key < b.key end)
    for i = 2, 500 do
      local a, b = list[i - 1], list[i]
      assert(a.key < b.key or (a.key == b.key and a.at < b.at))
    end
  end)

  it("compares no more than n log n times, whatever the list", function()
    local size = 2000
    assert(slowest(native.sort, size) > 50 * size) -- so it finds what is slow
    local most = size * 11 -- 2^11 > 2000
    assert(slowest(texts.sort, size) <= most)
    for _, made in ipairs { function(i) return i end, function(i) return -i end, function() return 1 end,
                            function(i) return math.min(i, size - i) end, function(i) return i % 2 == 0 and i or -i end } do
      local list, compared = {}, 0
      for i = 1, size do
        list[i] = made(i)
      end
      texts.sort(list, function(a, b)
        compared = compared + 1
        return a < b
      end)
      assert(compared <= most)
    end
  end)

  it("refuses what it cannot compare, and then changes nothing", function()
    for _, given in ipairs { {}, { 7 }, { { 1, "x" } }, { { {}, {} } }, { { 1, 2 }, 7 }, { { true, false } } } do
      assert.same(outcome(native.sort, unpack(given, 1, 2)), outcome(texts.sort, unpack(given, 1, 2)))
    end
    local list, compared = {}, 0
    for i = 1, 100 do
      list[i] = -i
    end
    assert.is_false(pcall(texts.sort, list, function(a, b)
      compared = compared + 1
      return a < b, compared < 200 or error "enough"
    end))
    for i = 1, 100 do
      assert.equal(-i, list[i])
    end
  end)

  it("holds on where the comparator is no order, or changes the list", function()
    local list = {}
    for i = 1, 300 do
      list[i] = i
    end
    texts.sort(list, function() return math.random() < 0.5 end)
    local seen = {}
    for i = 1, 300 do
      seen[list[i]] = true
    end
    assert.equal(300, #seen)
    pcall(texts.sort, list, function(a, b)
      list[#list] = nil
      return a > b
    end)
  end)
end)
