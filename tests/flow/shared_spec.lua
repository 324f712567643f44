-- gate.shared: one store for all workers, and what it says to a script that misuses it.
local gateway = require "support.gateway"
local places = require "support.places"
local wait = require "support.wait"

local HEAD = [[
local gate = require "moongate"
local hits, other = gate.shared "hits", gate.shared "other"
]]

-- All of a crowd is served, though each has to wait for the others.
local function patient() return { ["gateway.lua"] = { limits = { queue_delay = "1m", script = "10s" } } } end

-- A gateway whose GET / runs a function, of which a test gives the body.
local function serve(body, files, options)
  files = files or {}
  files["routes.lua"] = HEAD .. "gate.get('/', { within = '1m', reply = function(req)\n" .. body .. "\nend })\n"
  return gateway.start(files, options or { workers = 1 })
end

local function answer(body, files)
  local g = serve(body, files)
  local reply = g:get "/"
  if reply.status ~= 200 then
    wait.till(function() return g:log() ~= "" end, 500)
  end
  assert.equal(200, reply.status, reply.body .. g:log())
  return reply:json()
end

-- `count` GETs on as many connections at once; their JSON.
local function crowd(g, count)
  local replies, tasks = {}, {}
  for i = 1, count do
    tasks[i] = function()
      local reply = g:get("/", { within = 60000 })
      assert.equal(200, reply.status, reply.body)
      replies[i] = reply:json()
    end
  end
  wait.at_once(tasks)
  return replies
end

local function distinct(replies, field)
  local seen, count = {}, 0
  for _, one in ipairs(replies) do
    count = count + (seen[one[field]] and 0 or 1)
    seen[one[field]] = true
  end
  return count
end

describe("gate.shared", function()
  after_each(gateway.clean)

  it("keeps any JSON value as it was, by name and key", function()
    local out = answer [[
      local before = hits:get "a"
      hits:set("a", { list = gate.list {}, null = gate.null, text = "x\0y", n = 0.1 })
      hits:set("big", gate.json.decode "12345678901234567890")
      hits:set("null", gate.null)
      hits:set("no", false)
      other:set("a", 5)
      return { none = before == nil, a = hits:get "a", big = hits:get "big", null = hits:get("null") == gate.null,
        no = hits:get "no", other = other:get "a", list = gate.json.encode(hits:get("a").list) }]]
    assert.same({ true, true, false, 5, "[]", "x\0y", 0.1 },
      { out.none, out.null, out.no, out.other, out.list, out.a.text, out.a.n })
    local g = serve [[return gate.reply { text = gate.json.encode { hits:get "big" or hits:set("big",
      gate.json.decode "12345678901234567890") or hits:get "big" } }]]
    assert.equal("[12345678901234567890]", g:get("/").body)
  end)

  it("has get, set, add, incr, delete and update", function()
    local out = answer [[
      return { hits:incr "n", hits:incr("n", 5), hits:incr("n", -10), hits:add("n", 1), hits:add("m", { 1 }),
        hits:get "m", hits:delete "m", hits:delete "m", hits:get("m") == nil,
        hits:update("u", function(old) return { old == nil } end),
        hits:update("u", function(old) old[2] = "more" return old end), hits:get "u",
        hits:incr(42), hits:incr "42" }]]
    assert.same({ 1, 6, -4, false, true, { 1 }, true, false, true, { true }, { true, "more" },
      { true, "more" }, 1, 2 }, out)
  end)

  it("counts beyond 2^53 without rounding", function()
    local g = serve [[
      hits:set("n", 2^53)
      return { hits:incr "n", hits:incr("n", gate.json.decode "9000000000000000000"), hits:get "n" }]]
    assert.equal("[9007199254740993,9009007199254740993,9009007199254740993]", g:get("/").body)
  end)

  it("forgets a value when its time is up", function()
    local out = answer [[
      hits:set("a", 1, "20ms")
      hits:set("kept", 1, "1m")
      while hits:get "a" do gate.sleep "5ms" end
      return { hits:incr("a", 1, "1h"), hits:get "kept" }]]
    assert.same({ 1, 1 }, out)
  end)

  it("is exact under two workers, to the last of 1,000,000 increments", function()
    local turns = places.sanitize == "" and 25000 or 1000
    local g = serve(([[
      for i = 1, %d do hits:incr "n" end
      return { state = tostring(gate), n = hits:get "n" }]]):format(turns), patient(), { workers = 2 })
    local replies = crowd(g, 40)
    assert.equal(2, distinct(replies, "state")) -- each worker has a Lua state of its own
    local most = 0
    for _, one in ipairs(replies) do
      most = math.max(most, one.n)
    end
    assert.equal(40 * turns, most)
  end)

  it("updates exactly under two workers: nothing is lost, whoever was faster", function()
    local turns = places.sanitize == "" and 2000 or 200
    local g = serve(([[
      for i = 1, %d do
        hits:update("n", function(old)
          local new = { count = (old and old.count or 0) + 1, pad = ("x"):rep(i %% 50) }
          return new
        end)
      end
      return { state = tostring(gate), n = hits:get("n").count }]]):format(turns), patient(), { workers = 2 })
    local replies = crowd(g, 40)
    assert.equal(2, distinct(replies, "state"))
    local most = 0
    for _, one in ipairs(replies) do
      most = math.max(most, one.n)
    end
    assert.equal(40 * turns, most)
  end)

  it("stays within limits.shared, however much is stored", function()
    local g = serve([[
      local text = ("x"):rep(10000)
      for i = 1, 2000 do
        hits:set(req.id .. i, text)
        hits:incr "used"
      end
      return { used = hits:get "used", newest = hits:get(req.id .. 2000) == text,
        oldest = hits:get(req.id .. 1) == nil }]], { ["gateway.lua"] = { limits = { shared = "2MiB", script = "5s" } } })
    assert.same({ used = 2000, newest = true, oldest = true }, g:get("/"):json())
    local before = g:rss()
    for i = 2, 6 do
      assert.equal(2000 * i, g:get("/"):json().used)
    end
    local grown = g:rss() - before -- 100 MB were stored meanwhile
    assert(places.sanitize ~= "" or grown < 8192, grown)
  end)

  it("keeps nothing of a function that fails or waits, and goes on", function()
    local g = serve [[
      local call = gate.value(1)
      local said = {}
      for i, fn in ipairs {
        function() error("mine", 0) end,
        function() error({ code = 7 }) end,
        function() end,
        function() return call:wait().body end,
        function() local f = call:start() return f end,
        function() local got = gate.all { call } return got end,
        function() gate.sleep "1ms" end,
        function() local b = hits:update("b", function() return 1 end) return b end,
        function() return print end,
      } do
        local ok, why = pcall(hits.update, hits, "a", fn)
        said[i] = { ok, type(why) == "table" and why.code or why }
      end
      said[#said + 1] = { hits:get "a" == nil, hits:update("a", function() return "fine" end) }
      said[#said + 1] = { call:wait().body, call:start():wait().body }
      return said]]
    local busy = ": the function of update cannot make calls or wait: "
      .. "it is run again when another request was faster"
    assert.same({
      { false, "mine" }, { false, 7 },
      { false, "routes.lua:17: update: its function returned nothing: it returns the value to keep" },
      { false, "routes.lua:10" .. busy }, { false, "routes.lua:11" .. busy }, { false, "routes.lua:12" .. busy },
      { false, "routes.lua:13" .. busy }, { false, "routes.lua:14" .. busy },
      { false, "routes.lua:17: update: value: a function" },
      { true, "fine" }, { 1, 1 },
    }, g:get("/"):json())
  end)

  it("refuses every way of making calls inside update, and goes on when it is caught", function()
    local out = answer [[
      local call, refused = gate.value(1), {}
      for i, fn in ipairs {
        function() return gate.first { call } end,
        function() return gate.map({ 1 }, function() return call end) end,
        function() for _ in gate.as_completed { call } do return 1 end end,
        function() pcall(gate.sleep, "1ms") return "caught" end,
      } do
        local ok, why = pcall(hits.update, hits, "a", fn)
        refused[i] = ok and why or why:find("cannot make calls or wait", 1, true) ~= nil
      end
      return { refused, gate.first({ call }).body, hits:get "a" }]]
    assert.same({ { true, true, true, "caught" }, 1, "caught" }, out)
  end)

  it("says what is wrong, at the author's line", function()
    local g = serve [[
      local said = {}
      for i, fn in ipairs {
        function() hits:get() end,
        function() hits:get {} end,
        function() hits:get(("k"):rep(1025)) end,
        function() hits:set "a" end,
        function() hits:add("a", nil, "1s") end,
        function() hits:set("a", 1, 5) end,
        function() hits:set("a", 1, "0ms") end,
        function() hits:set("a", 1, "soon") end,
        function() hits:set("a", print) end,
        function() hits:incr("a", 0.5) end,
        function() hits:incr("a", "2") end,
        function() hits:set("t", "text") hits:incr "t" end,
        function() hits:set("a", ("x"):rep(40000)) end,
        function() hits:update("a", 5) end,
        function() hits.get "a" end,
        function() hits:gte "a" end,
        function() hits.a = 5 end,
        function() gate.shared "a b" end,
      } do
        said[i] = select(2, pcall(fn)) or false
      end
      return said]]
    local said = g:get("/"):json()
    local expected = {
      "get takes a key, which is a text or a number, not nothing",
      "get takes a key, which is a text or a number, not a table",
      "get: a key of 1025 bytes is longer than 1024",
      "set takes a value: gate.null is one, and delete takes one away",
      "add takes a value: gate.null is one, and delete takes one away",
      'set: the time to live a bare number is no duration: write "5ms"',
      "set: the time to live must be at least 1ms",
      'set: the time to live "soon" is no duration: write one such as "200ms"',
      "set: value: a function",
      "incr: by is a whole number of 64 bits, not 0.5",
      "incr: by is a whole number of 64 bits, not \"2\"",
      "incr: what is there is no whole number of 64 bits",
      false, -- 40,000 bytes are few of 64 MiB
      "update takes a function that makes the new value, not 5",
      "say hits:get(...), with a colon",
      'shared data has no verb "gte": did you mean "get"?',
      'write hits:set("a", value)',
      'gate.shared takes a name of letters, digits, _ and -, at most 64, not "a b"',
    }
    for i = 1, 18 do
      local want = expected[i] and ("routes.lua:%d: %s"):format(i + 5, expected[i])
      assert.equal(want or false, said[i])
    end
  end)
end)
