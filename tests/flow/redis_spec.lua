-- Redis as routes use it: every kind of command and of value, in plans and in functions.
local gateway = require "support.gateway"
local problem = require "support.problem"
local redis = require "support.redis"
local wait = require "support.wait"

local function escape(bytes)
  return (bytes:gsub(".", function(c) return ("%%%02X"):format(c:byte()) end))
end

local every_byte = {}
for i = 0, 255 do
  every_byte[#every_byte + 1] = string.char(i)
end
every_byte = table.concat(every_byte)

local routes = [[
local gate = require "moongate"
local cache, other, local_, down = gate.redis "cache", gate.redis "other", gate.redis "local", gate.redis "down"

gate.get("/get/{k}", { calls = { v = cache:get "{k}" } })
gate.get("/copy/{k}", {
  calls = { first = cache:get "{k}", second = cache:set("copy", "{first.body}"), third = cache:get("copy", { needs = "second" }) },
  reply = { third = "{third.body}", status = "{second.body}" },
})
gate.get("/set/{k}/{v}", { calls = { done = cache:set("{k}", "<{v}>") }, reply = { done = "{done.body}" } })
gate.post("/store", { calls = { done = cache:command("HSET", "stored", "whole", "{body}", "n", "{body.n}", "yes", "{body.yes}",
  "no", "{body.no}", "s", "{body.s}", "list", "{body.list}", 7, 0.5) }, reply = { done = "{done.body}" } })
gate.get("/stored", { calls = { all = cache:hgetall "stored" }, reply = { all = "{all.body}", n = "{all.body.n}" } })
gate.get("/maybe", { input = { query = { k = "string?" } }, calls = { v = cache:get("{query.k}", { optional = true }) },
  reply = { v = "{v.body}" } })
gate.get("/owed", { calls = { v = cache:get "{query.k}" } })
gate.get("/null", { calls = { nothing = cache:get "nothing", v = cache:get("{nothing.body}", { optional = true }) } })
gate.post("/counter/{id}", { calls = { all = cache:atomic {
  cache:incr "n:{id}", cache:hset("h:{id}", "a", 1), cache:hgetall "h:{id}", cache:get "none", cache:set("s:{id}", "{id}") } } })
gate.get("/wrong", { calls = { v = cache:incr "text" } })
gate.get("/wrong/optional", { calls = { v = cache:incr("text", { optional = true }) },
  reply = function(_, got) return { got.v.error.kind, got.v.error.message } end })
gate.get("/fallback", { calls = { v = down:get("k", { fallback = { n = 1 } }) } })
gate.get("/down", { calls = { v = down:get "k" } })
gate.get("/db", { calls = { v = other:get "k" } })
gate.get("/unix", { calls = { v = local_:get "k" } })
]]

describe("gate.redis", function()
  local server, g

  -- The log is written by a thread of its own.
  local function logged(text)
    return wait.till(function() return g:log():find(text, 1, true) end)
  end

  -- Serves the body of a function beside the routes, and gives the reply of running it.
  local function run(body, path)
    gateway.clean()
    g = gateway.start({
      ["gateway.lua"] = { redis = { cache = server.url } },
      ["routes.lua"] = ([[
        local gate = require "moongate"
        local cache = gate.redis "cache"
        gate.route("*", "/{rest...}", function(req) %s end)
      ]]):format(body),
    }, { workers = 1 })
    return g:get(path or "/")
  end

  setup(function()
    server = redis.start()
  end)

  teardown(redis.clean)

  before_each(function()
    server:cli "flushall"
    g = gateway.start({
      ["gateway.lua"] = { redis = {
        cache = server.url, other = { url = server.url .. "/3", within = "5s" }, ["local"] = server.unix_url .. "?db=2",
        down = "redis://127.0.0.1:1",
      } },
      ["routes.lua"] = routes,
    }, { workers = 1 })
  end)

  after_each(gateway.clean)

  it("gives a text, and null for nil, spliced into replies", function()
    server:cli("set", "k", 'a "quoted" é')
    assert.equal('{"v":"a \\"quoted\\" é"}', g:get("/get/k").body)
    assert.equal('{"v":null}', g:get("/get/other").body)
    assert.equal('{"done":"OK"}', g:get("/set/a%20b/c").body)
    assert.equal("<c>", server:cli("get", "a b"))
  end)

  it("binds values by their bytes, every one of them", function()
    assert.equal(200, g:get("/set/" .. escape(every_byte:sub(2)) .. "/v").status)
    local c, keys, values = g:connect(), {}, {}
    for i = 1, 255 do
      local byte = string.char(i)
      keys[i], values[i] = "k" .. byte, "<" .. byte .. "x>"
      assert.equal(200, c:ask(("/set/k%s/%s%s"):format(escape(byte), escape(byte), "x")).status, i)
    end
    assert.equal("256", server:cli "dbsize")
    assert.equal(table.concat(values, "\n"), server:cli("mget", unpack(keys)))
    server:cli("set", "bytes", "\255\1 \r\n")
    assert.equal(200, g:get("/copy/bytes").status)
    assert.equal("\255\1 \r\n", server:cli("--raw", "get", "copy"))
  end)

  it("lets no value become another argument or command", function()
    server:cli("set", "canary", "alive")
    for _, evil in ipairs { "\r\nFLUSHALL\r\n", "k\r\n$3\r\nfoo\r\n*1\r\n$8\r\nFLUSHALL\r\n", "*1\r\n$8\r\nFLUSHALL\r\n", "a b",
      "$-1\r\n", "\r\n", "'; FLUSHALL; '" } do
      assert.equal('{"done":"OK"}', g:get("/set/" .. escape(evil) .. "/" .. escape(evil)).body)
      assert.equal("<" .. evil .. ">", server:cli("get", evil))
    end
    assert.equal("alive", server:cli("get", "canary"))
  end)

  it("turns JSON into arguments: numbers with their digits, booleans 1 and 0, the rest as JSON", function()
    local body = '{"n":12345678901234567890,"yes":true,"no":false,"s":"a\\u0000b","list":[1, 2]}'
    local reply = g:post("/store", { body = body, headers = { ["Content-Type"] = "application/json" } })
    assert.equal('{"done":7}', reply.body)
    assert.same({ n = "12345678901234567890", all = { whole = body, n = "12345678901234567890", yes = "1", no = "0",
      s = "a\0b", list = "[1, 2]", ["7"] = "0.5" } }, g:get("/stored"):json())
  end)

  it("refuses what the client owes, and fails as missing for what nobody owes", function()
    assert.equal(400, g:get("/owed").status)
    local reply = g:get "/maybe"
    assert.same({ '{"v":null}', "v=missing" }, { reply.body, reply.headers["moongate-partial"] })
    reply = g:get "/null"
    assert.same({ '{"nothing":null,"v":null}', "v=missing" }, { reply.body, reply.headers["moongate-partial"] })
    server:cli("set", "x", "1")
    assert.equal('{"v":"1"}', g:get("/maybe?k=x").body)
  end)

  it("runs atomic calls in one transaction, results in their order", function()
    assert.equal('{"all":[1,1,{"a":"1"},null,"OK"]}', g:post("/counter/7", { body = "" }).body)
    assert.equal('{"all":[2,0,{"a":"1"},null,"OK"]}', g:post("/counter/7", { body = "" }).body)
    server:cli("set", "h:8", "no hash")
    local json = problem.check(g:post("/counter/8", { body = "" }), 502, { all = "redis" })
    assert.equal("the call all failed: Redis refused the command", json.detail)
    assert.is_truthy(logged("the call all failed: HSET, command 2 of 5: WRONGTYPE"), g:log())
  end)

  it("tells the log what Redis said, and the client only that it refused", function()
    server:cli("set", "text", "secret words")
    local json = problem.check(g:get "/wrong", 502, { v = "redis" })
    assert.equal("the call v failed: Redis refused the command", json.detail)
    assert.is_truthy(logged("ERR value is not an integer"), g:log())
    assert.same({ "redis", "ERR value is not an integer or out of range" }, g:get("/wrong/optional"):json())
  end)

  it("fails at once where nobody listens, with a fallback if there is one", function()
    assert.equal('{"v":{"n":1}}', g:get("/fallback").body)
    problem.check(g:get "/down", 502, { v = "refused" })
  end)

  it("takes the database from the URL, and sockets of the file system", function()
    server:cli("-n", "3", "set", "k", "three")
    server:cli("-n", "2", "set", "k", "two")
    assert.equal('{"v":"three"}', g:get("/db").body)
    assert.equal('{"v":"two"}', g:get("/unix").body)
  end)

  it("gives functions every type of RESP2", function()
    local reply = run [[
      cache:command("set", "k", "v\0\255"):wait()
      local got = gate.all {
        text = cache:get "k", none = cache:get "none", n = cache:incrby("n", 41),
        big = cache:incrby("big", gate.json.decode "9007199254740993"),
        nested = cache:eval("return {1, {2, {'x', {}}}, false, 'y', redis.status_reply('PONG')}", 0),
        deep = cache:eval("return {{{{{{{7}}}}}}}", 0), empty = cache:lrange("none", 0, -1),
        hash = cache:hgetall "none", status = cache:ping(), blank = cache:echo "" }
      local nothing = got.none.body == gate.null
      return { text = #got.text.body, last = got.text.body:byte(-1), none = got.none.body, n = got.n.body, big = got.big.body,
        nested = got.nested.body, deep = got.deep.body, empty = got.empty.body, hash = got.hash.body, status = got.status.body,
        blank = got.blank.body, nothing = nothing }
    ]]
    assert.equal('{"big":9007199254740993,"blank":"","deep":[[[[[[[7]]]]]]],"empty":[],"hash":{},"last":255,"n":41,'
      .. '"nested":[1,[2,["x",[]]],null,"y","PONG"],"none":null,"nothing":true,"status":"PONG","text":3}', reply.body)
  end)

  it("takes arguments of functions by their bytes, numbers in full", function()
    local reply = run [[
      local every = {}
      for i = 0, 255 do every[i + 1] = string.char(i) end
      every = table.concat(every)
      cache:set(every, every .. every):wait()
      local same = cache:get(every):wait().body == every .. every
      cache:rpush("l", 1e20, 0.5, true, false, -3, gate.json.decode "12345678901234567890", "{id}"):wait()
      return { same = same, list = cache:lrange("l", 0, -1):wait().body, missing = cache:get(nil, { optional = true }):wait().error.kind,
        null = cache:get(gate.null, { optional = true }):wait().error.kind }
    ]]
    assert.equal('{"list":["100000000000000000000","0.5","1","0","-3","12345678901234567890","{id}"],"missing":"missing",'
      .. '"null":"missing","same":true}', reply.body)
  end)

  it("refuses commands that would disturb the shared connection, in functions too", function()
    for _, call in ipairs { 'cache:command("SUBSCRIBE", "x")', 'cache:command("blpop", "l", 0)', "cache:multi()",
      'cache:command("client", "reply", "off")', 'cache:xread("block", 0, "STREAMS", "s", "$")',
      'cache:atomic { cache:get "a", cache:select(1) }' } do
      local reply = run(("local ok, why = pcall(function() return %s end) return { ok, tostring(why) }"):format(call))
      assert.is_false(reply:json()[1], call)
      assert.matches("routes.lua:3: .-[wsc][aho]", reply:json()[2])
    end
  end)

  it("makes atomic calls from functions, and says which call was wrong", function()
    local reply = run [[
      local all = cache:atomic({ cache:set("a", "{x}"), cache:get "a", cache:hgetall "none" }, { within = "5s" }):wait().body
      local wrong = cache:atomic({ cache:set("b", 1), cache:command("SET", "b") }, { optional = true }):wait()
      return { all = all, kind = wrong.error.kind, why = wrong.error.message, b = cache:exists "b":wait().body }
    ]]
    assert.equal([[{"all":["OK","{x}",{}],"b":0,"kind":"redis",]]
      .. [["why":"SET, command 2 of 2: ERR wrong number of arguments for 'set' command"}]], reply.body)
  end)

  it("bounds a result, and harms no other call by it", function()
    gateway.clean()
    g = gateway.start({
      ["gateway.lua"] = { redis = { cache = server.url }, limits = { result = "4KiB" } },
      ["routes.lua"] = [[
        local gate = require "moongate"
        local cache = gate.redis "cache"
        gate.get("/both", { calls = { big = cache:get("big", { optional = true }), list = cache:lrange("list", 0, -1, { optional = true }),
          fits = cache:get "fits", small = cache:get "small" }, reply = { small = "{small.body}" } })]],
    }, { workers = 1 })
    server:cli("setrange", "big", "5000", "x")
    server:cli("setrange", "fits", "4095", "x")
    server:cli("eval", "for i = 1, 3000 do redis.call('rpush', 'list', i) end", "0")
    server:cli("set", "small", "s")
    for _ = 1, 3 do
      local reply = g:get "/both"
      assert.same({ '{"small":"s"}', "big=too_large, list=too_large" }, { reply.body, reply.headers["moongate-partial"] })
    end
    assert.equal(1 + 1, server:info "connected_clients")
  end)

  it("pipelines: of 1,000 requests at once each gets the value of its own key", function()
    server:cli("eval", "for i = 1, 1000 do redis.call('set', 'k' .. i, 'v' .. i .. string.rep('.', i % 300)) end", "0")
    local count = 1000
    local before = server:info "total_connections_received"
    wait.at_once(count, function(i)
      local reply = g:get("/get/k" .. i)
      assert.equal(('{"v":"v%d%s"}'):format(i, ("."):rep(i % 300)), reply.body)
    end)
    assert.equal(before + 2, server:info "total_connections_received") -- the gateway's one, and ours
  end)

  it("carries large values both ways at once, each to its own", function()
    gateway.clean()
    g = gateway.start({
      ["gateway.lua"] = { redis = { cache = server.url } },
      ["routes.lua"] = [[
        local gate = require "moongate"
        local cache = gate.redis "cache"
        gate.put("/{k}", function(req)
          cache:set(req.params.k, req.text):wait()
          return cache:get(req.params.k):wait().body
        end)]],
    }, { workers = 2 })
    wait.at_once(40, function(i)
      local body = ("%d."):format(i):rep(60000)
      local reply = g:get("/k" .. i, { method = "PUT", body = body })
      assert.is_true(reply.status == 200 and reply.body == body, reply.status .. " " .. #reply.body)
    end)
  end)

  it("refuses calls beyond at_once as busy", function()
    gateway.clean()
    g = gateway.start({
      ["gateway.lua"] = { redis = { cache = { url = server.url, at_once = 5 } } },
      ["routes.lua"] = [[
        local gate = require "moongate"
        local cache = gate.redis "cache"
        gate.get("/", function()
          local calls = {}
          for i = 1, 9 do calls["c" .. i] = cache:get("k", { optional = true }) end
          local busy = 0
          for _, result in pairs(gate.all(calls)) do
            busy = busy + (result.error and result.error.kind == "busy" and 1 or 0)
          end
          return { busy }
        end)
        gate.get("/one", { calls = { v = cache:get "k" } })]],
    }, { workers = 1 })
    for _ = 1, 3 do
      assert.equal("[4]", g:get("/").body)
      assert.equal('{"v":null}', g:get("/one").body)
    end
  end)
end)
