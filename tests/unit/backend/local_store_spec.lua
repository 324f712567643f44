local core = require "support.core"
local places = require "support.places"
local C = core.cdef "backend/local_store.h"
local ffi = require "ffi"

ffi.cdef [[
  void probe_store_clock(double ms);
  struct mg_store *probe_store_open(double bytes);
  int probe_store_ask(struct mg_store *store, const struct mg_store_ask *ask,
    struct mg_store_answer *answer);
  void probe_store_crowd(struct mg_store *store, unsigned kind, unsigned threads, unsigned turns);
]]

local MiB = 1024 ^ 2
local increment, update, churn = 0, 1, 2

describe("the local store", function()
  local store, buf, answer

  local function open(bytes)
    store = ffi.C.probe_store_open(bytes or MiB)
  end

  -- Whether it was done, the value, the version; or nil and the status.
  local function ask(verb, key, value, more)
    more = more or {}
    local given, name, space = core.str(tostring(value or "")), core.str(key), core.str(more.space or "s")
    local one = ffi.new("struct mg_store_ask", { verb = C["MG_STORE_" .. verb], space = space, key = name,
      ttl = more.ttl or 0, version = more.version or 0 })
    if verb == "INCR" then
      one.by = value or 1
    else
      one.value = given
    end
    local status = ffi.C.probe_store_ask(store, one, answer)
    if status ~= C.MG_OK then
      return nil, status, ffi.string(answer[0].why)
    end
    return answer[0].done, core.text(buf[0]), tonumber(answer[0].version)
  end

  local function value(key, more)
    local done, text = ask("GET", key, nil, more)
    return done and text or nil
  end

  before_each(function()
    buf = ffi.new "struct mg_buf[1]"
    answer = ffi.new("struct mg_store_answer[1]")
    answer[0].value = buf
    open()
  end)

  after_each(function()
    C.mg_buf_fini(buf)
    C.mg_local_store_free(store)
  end)

  it("keeps what it was given, by space and key", function()
    assert.is_nil(value "a")
    ask("SET", "a", '{"x":1}')
    ask("SET", "a", "2", { space = "other" })
    ask("SET", "", "3")
    assert.same({ '{"x":1}', "2", "3" }, { value "a", value("a", { space = "other" }), value "" })
    ask("SET", "a", '"shorter"')
    assert.equal('"shorter"', value "a")
    ask("SET", "a", ("9"):rep(5000))
    assert.equal(("9"):rep(5000), value "a")
    assert.is_true(ask("DELETE", "a"))
    assert.is_false(ask("DELETE", "a"))
    assert.same({ nil, "2" }, { value "a", value("a", { space = "other" }) })
  end)

  it("adds only what is not there", function()
    assert.is_true(ask("ADD", "a", "1"))
    assert.is_false(ask("ADD", "a", "2"))
    assert.equal("1", value "a")
  end)

  it("counts in whole numbers of 64 bits, and says what is none", function()
    assert.same({ true, "1", 0 }, { ask("INCR", "n") })
    assert.same({ true, "-4", 0 }, { ask("INCR", "n", -5) })
    ask("SET", "n", "9223372036854775806")
    assert.same({ true, "9223372036854775807", 0 }, { ask("INCR", "n") })
    assert.same({ nil, C.MG_INVALID, "the sum would be beyond 64 bits" }, { ask("INCR", "n") })
    assert.equal("9223372036854775807", value "n")
    for _, text in ipairs { '"7"', "1.5", "1e3", "null", "[]", "9223372036854775808" } do
      ask("SET", "n", text)
      assert.same({ nil, C.MG_INVALID, "what is there is no whole number of 64 bits" }, { ask("INCR", "n") })
      assert.equal(text, value "n")
    end
  end)

  it("forgets what has lived its time, to the millisecond", function()
    ask("SET", "a", "1", { ttl = 100 })
    ask("SET", "b", "1")
    ffi.C.probe_store_clock(1099)
    assert.equal("1", value "a")
    ffi.C.probe_store_clock(1100)
    assert.is_nil(value "a")
    assert.equal("1", value "b")
    assert.is_true(ask("ADD", "a", "2"))
    assert.equal(2, tonumber(C.mg_local_store_size(store).entries))
  end)

  it("sets the time anew with set, and leaves it with incr and swap", function()
    ask("INCR", "n", 1, { ttl = 100 })
    ffi.C.probe_store_clock(1050)
    ask("INCR", "n", 1, { ttl = 100 })
    local _, _, version = ask("GET", "n")
    assert.is_true(ask("SWAP", "n", ("7"):rep(100), { ttl = 100, version = version }))
    ffi.C.probe_store_clock(1099)
    assert.is_truthy(value "n")
    ask("SET", "n", "5", { ttl = 100 })
    ffi.C.probe_store_clock(1198)
    assert.equal("5", value "n")
    ffi.C.probe_store_clock(1199)
    assert.is_nil(value "n")
    ask("SET", "n", "5", { ttl = 100 })
    ask("SET", "n", "6")
    ffi.C.probe_store_clock(5000)
    assert.equal("6", value "n")
  end)

  it("swaps only what nobody else has changed, made or taken away meanwhile", function()
    local _, _, none = ask("GET", "a")
    assert.equal(0, none)
    ask("SET", "a", "1")
    assert.is_false(ask("SWAP", "a", "2", { version = none }))
    local _, _, version = ask("GET", "a")
    ask("DELETE", "a")
    assert.is_false(ask("SWAP", "a", "2", { version = version }))
    ask("SET", "a", "1") -- the same value, but not the same one
    assert.is_false(ask("SWAP", "a", "2", { version = version }))
    local _, _, now = ask("GET", "a")
    assert.is_true(ask("SWAP", "a", "2", { version = now }))
    assert.equal("2", value "a")
  end)

  it("stays within its bytes: what was not used for longest gives way", function()
    local text = ("5"):rep(900)
    ask("SET", "used", text)
    for i = 1, 5000 do
      ask("SET", "k" .. i, text)
      ask(i % 2 == 0 and "GET" or "INCR", "used")
    end
    local size = C.mg_local_store_size(store)
    assert(size.bytes <= MiB and size.bytes > MiB * 0.9, tonumber(size.bytes))
    assert.equal(text, value "used")
    assert.equal(text, value "k5000")
    local there = 0
    for i = 1, 4000 do
      there = there + (value("k" .. i) and 1 or 0)
    end
    assert(there < 200, there) -- of the newest 1000 nearly all that is kept
  end)

  it("refuses a value above a 64th of its bytes, and a key above 1024", function()
    ask("SET", "a", "1")
    assert.same({ nil, C.MG_TOO_LARGE, "the value is larger than a 64th of limits.shared" },
      { ask("SET", "a", ("1"):rep(MiB / 64)) })
    assert.equal("1", value "a")
    assert.is_true(ask("SET", "a", ("1"):rep(MiB / 64 - 200)))
    assert.is_true(ask("SET", ("k"):rep(1024), "1"))
    assert.same({ nil, C.MG_TOO_LARGE, "the key is longer than 1024 bytes" }, { ask("SET", ("k"):rep(1025), "1") })
  end)

  it("finds each of many keys, and gives all of it back", function()
    for i = 1, 3000 do
      ask("SET", "key" .. i, i)
    end
    for i = 1, 3000 do
      assert.equal(tostring(i), value("key" .. i))
      assert.is_true(ask("DELETE", "key" .. i))
    end
    local size = C.mg_local_store_size(store)
    assert.same({ 0, 0 }, { tonumber(size.entries), tonumber(size.bytes) })
  end)

  describe("under threads", function()
    local most = places.sanitize == "" and 500000 or 50000

    it("counts exactly: two of them, each half of a million times", function()
      ffi.C.probe_store_crowd(store, increment, 2, most)
      assert.equal(("%d"):format(2 * most), value("n", { space = "hits" }))
    end)

    it("updates exactly: who was too late begins again", function()
      ffi.C.probe_store_crowd(store, update, 4, most / 10)
      assert.equal(("%d"):format(4 * most / 10), value("n", { space = "hits" }))
    end)

    it("comes through all verbs at once in little room", function()
      ffi.C.probe_store_crowd(store, churn, 4, most / 10)
      local size = C.mg_local_store_size(store)
      assert(size.bytes <= MiB, tonumber(size.bytes))
    end)
  end)
end)
