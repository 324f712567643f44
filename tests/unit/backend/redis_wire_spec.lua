-- Commands into RESP2 and replies into JSON: however the bytes are cut, and whatever they are.
local core = require "support.core"
local ffi = require "ffi"
local C = core.cdef("backend/redis_wire.h", "backend/redis_refusal.h")

local kept = {}

local function command(words)
  local list = ffi.new("struct mg_str[?]", #words)
  for i, word in ipairs(words) do
    kept[#kept + 1] = core.str(word)
    list[i - 1] = kept[#kept]
  end
  kept[#kept + 1] = list
  return ffi.new("struct mg_redis_command", list, #words)
end

local function ask(commands, atomic)
  local list = ffi.new("struct mg_redis_command[?]", #commands)
  for i, words in ipairs(commands) do
    list[i - 1] = command(words)
  end
  kept[#kept + 1] = list
  return ffi.new("struct mg_redis_ask", list, #commands, atomic or false)
end

local function wire(words)
  local out = core.buf()
  assert.is_true(C.mg_redis_wire_put(out, command(words)))
  return core.text(out)
end

local function reader(most)
  return ffi.gc(C.mg_redis_reader_new(most or 1e6), C.mg_redis_reader_free)
end

-- The replies in `bytes`, fed in slices: { { form, body } or { error, message }, ... }, and why it
-- broke, if it did.
local function read(bytes, what, slice, body_most)
  local r, found = reader(), {}
  local reply, why = ffi.new "struct mg_redis_reply", ffi.new "const char *[1]"
  for at = 1, #bytes, slice or #bytes do
    C.mg_redis_reader_feed(r, core.str(bytes:sub(at, at + (slice or #bytes) - 1)))
    while true do
      local next = C.mg_redis_reader_next(r, what, body_most or 1000, reply)
      if next == C.MG_REDIS_BROKEN then
        local status = C.mg_redis_reader_why(r, why)
        return found, ffi.string(C.mg_status_word(status)), ffi.string(why[0])
      elseif next == C.MG_REDIS_MORE then
        break
      end
      if reply.error ~= C.MG_OK then
        found[#found + 1] = { ffi.string(C.mg_status_word(reply.error)), ffi.string(reply.message) }
      else
        found[#found + 1] = { reply.form == C.MG_BODY_JSON and "json" or "text", core.text(reply.body) }
      end
      C.mg_buf_fini(reply.body)
    end
  end
  assert.is_true(#found == 0 or C.mg_redis_reader_empty(r))
  return found
end

local get, all = ask { { "GET", "k" } }, ask { { "hgetall", "h" } }

describe("the wire of Redis", function()
  it("counts the bytes of each word", function()
    assert.equal("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", wire { "GET", "k" })
    assert.equal("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$7\r\na\r\n\0\255*1\r\n", wire { "SET", "", "a\r\n\0\255*1" })
    local words = {}
    for i = 1, 100 do
      words[i] = ("w"):rep(i)
    end
    local expected = { "*100\r\n" }
    for i, word in ipairs(words) do
      expected[#expected + 1] = ("$%d\r\n%s\r\n"):format(i, word)
    end
    assert.equal(table.concat(expected), wire(words))
  end)

  it("reads every type, whole and byte by byte", function()
    local bytes = "+OK\r\n$4\r\na\r\n\255\r\n:-9223372036854775808\r\n$-1\r\n*-1\r\n*0\r\n"
      .. "*3\r\n:1\r\n*2\r\n$1\r\n\"\r\n$-1\r\n+x\r\n-ERR no\r\n$0\r\n\r\n*1\r\n-WRONG\r\n:7\r\n"
    local expected = {
      { "text", "OK" }, { "text", "a\r\n\255" }, { "json", "-9223372036854775808" }, { "json", "null" }, { "json", "null" },
      { "json", "[]" }, { "json", '[1,["\\"",null],"x"]' }, { "redis", "ERR no" }, { "text", "" }, { "redis", "WRONG" },
      { "json", "7" },
    }
    for slice = 1, 9 do
      assert.same(expected, read(bytes, get, slice))
    end
    assert.same(expected, read(bytes, get))
  end)

  it("makes an object of what HGETALL gives, and nothing else of anything else", function()
    local pairs_of = "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n*1\r\n:2\r\n"
    for slice = 1, 9 do
      assert.same({ { "json", '{"a":"1","b":[2]}' } }, read(pairs_of, all, slice))
    end
    assert.same({ { "json", '["a","1","b",[2]]' } }, read(pairs_of, get))
    assert.same({ { "json", "{}" } }, read("*0\r\n", all))
    assert.same({ { "malformed", "a number stands where a name must" } }, read("*2\r\n:1\r\n:2\r\n", all))
    assert.same({ { "json", "[1]" } }, read("*1\r\n:1\r\n", all))
    local atomic = ask({ { "GET", "k" }, { "HGETALL", "h" }, { "GET", "k" } }, true)
    assert.same({ { "json", '[["a"],{"a":"1"},null]' } },
      read("*3\r\n*1\r\n$1\r\na\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n$-1\r\n", atomic))
    assert.same({ { "redis", "HGETALL, command 2 of 3: WRONGTYPE" } }, read("*3\r\n:1\r\n-WRONGTYPE\r\n-SECOND\r\n", atomic))
  end)

  it("writes U+FFFD for what is not UTF-8, but in a text alone", function()
    assert.same({ { "json", '["\239\191\189"]' } }, read("*1\r\n$1\r\n\255\r\n", get))
  end)

  it("bounds a body, and reads on behind it", function()
    assert.same({ { "text", "12345678" }, { "json", "[123456]" } }, read("$8\r\n12345678\r\n*1\r\n:123456\r\n", get, nil, 8))
    assert.same({ { "too_large", "the reply is larger than it may be" }, { "too_large", "the reply is larger than it may be" },
      { "json", "1" } }, read("$9\r\n123456789\r\n*1\r\n:1234567\r\n:1\r\n", get, nil, 8))
  end)

  it("keeps nothing of what nobody wants but its errors", function()
    assert.same({ { "json", "" }, { "redis", "ERR x" }, { "json", "" } }, read("$3\r\nabc\r\n-ERR x\r\n*2\r\n:1\r\n:2\r\n", nil, 1))
  end)

  it("forgets a reply that nobody wants any more in the middle of it", function()
    local r, reply = reader(), ffi.new "struct mg_redis_reply"
    C.mg_redis_reader_feed(r, core.str "*3\r\n:1\r\n:2\r\n")
    assert.equal(C.MG_REDIS_MORE, C.mg_redis_reader_next(r, get, 100, reply))
    C.mg_redis_reader_feed(r, core.str ":3\r\n:4\r\n")
    assert.equal(C.MG_REDIS_REPLY, C.mg_redis_reader_next(r, nil, 0, reply))
    assert.same({ C.MG_OK, 0 }, { tonumber(reply.error), tonumber(reply.body.len) })
    assert.equal(C.MG_REDIS_REPLY, C.mg_redis_reader_next(r, get, 100, reply))
    assert.equal("4", core.text(reply.body))
    C.mg_buf_fini(reply.body)
  end)

  it("breaks for good over what is no RESP2, too deep or too large", function()
    for _, bytes in ipairs { "HTTP/1.1 400 Bad Request\r\n", "\r\n", ":12a\r\n", "$x\r\n", "*-5\r\n", "$-2\r\n",
      ("*1\r\n"):rep(20), "_\r\n", "%1\r\n" } do
      local _, kind = read(":1\r\n" .. bytes, get)
      assert.equal("malformed", kind, bytes)
    end
    assert.same({ { "json", ("["):rep(8) .. "1" .. ("]"):rep(8) } }, read(("*1\r\n"):rep(8) .. ":1\r\n", get))
    local r, reply, why = reader(100), ffi.new "struct mg_redis_reply", ffi.new "const char *[1]"
    assert.is_true(C.mg_redis_reader_feed(r, core.str("$200\r\n" .. ("x"):rep(90))))
    assert.equal(C.MG_REDIS_MORE, C.mg_redis_reader_next(r, get, 100, reply))
    assert.is_false(C.mg_redis_reader_feed(r, core.str(("x"):rep(20))))
    assert.equal(C.MG_REDIS_BROKEN, C.mg_redis_reader_next(r, get, 100, reply))
    assert.equal(C.MG_TOO_LARGE, C.mg_redis_reader_why(r, why))
  end)

  it("refuses every command of which lua/moongate/redis.lua says so", function()
    local places = require "support.places"
    local file = assert(io.open(places.checkout .. "/lua/moongate/redis.lua"))
    local text = file:read "*a"
    file:close()
    local chunk = assert(loadstring((text:gsub('require "moongate.words"', "{ names = function() return {} end }"))))
    local redis, count = chunk(), 0
    for name in pairs(redis.refused) do
      count = count + 1
      assert.is_true(C.mg_redis_refusal(command { name:upper(), "x" }) ~= nil, name)
      assert.is_nil(redis.commands[name], name)
    end
    assert.is_true(count >= 30)
    for name in pairs(redis.commands) do
      assert.is_true(C.mg_redis_refusal(command { name, "x" }) == nil, name)
    end
    for _, words in ipairs { { "XREAD", "COUNT", "1", "block", "0", "STREAMS", "s", "$" }, { "script", "Debug", "YES" }, { "" },
      { "XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">" } } do
      assert.is_true(C.mg_redis_refusal(command(words)) ~= nil, words[1])
    end
    for _, words in ipairs { { "XREAD", "STREAMS", "BLOCK", "$" }, { "XREADGROUP", "GROUP", "BLOCK", "c", "STREAMS", "s", ">" },
      { "SET", "BLOCK", "SUBSCRIBE" } } do
      assert.is_true(C.mg_redis_refusal(command(words)) == nil, words[1])
    end
  end)
end)
