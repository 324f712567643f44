-- gate.each: one call for each element of a list.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local http = require "support.http"
local places = require "support.places"
local redis = require "support.redis"
local wait = require "support.wait"

local ROUNDS = places.sanitize == "" and 100 or 30

local routes = [=[
local gate = require "moongate"
local api, shop, pages = gate.service "api", gate.database "shop", gate.files "pages"

gate.post("/delay/{ms}", { calls = { it = gate.each("{body[].id}", api:get "/delay/{ms}/id/{each}", { at_once = 8 }) },
  reply = "{it.body}" })
gate.post("/shuffled", { calls = { it = gate.each("{body}", api:get "/delay/{each.ms}/id/{each.id}", { at_once = 5 }) } })
gate.post("/echo", { calls = { it = gate.each("{body}", api:post("/echo", {
  query = { id = "{each.id}" }, json = { id = "{each.id}", all = "{each}" }, headers = { ["x-id"] = "n-{each.id}" } })) },
  reply = { first = "{it.body[1]}", bodies = "{it.body[].body}", status = "{it.status}" } })
gate.post("/headers", { calls = { it = gate.each("{body}", api:get("/echo", { headers = { ["x-id"] = "{each}" } })) },
  reply = "{it.body[].headers[1]}" })
gate.post("/merged", { calls = { ids = gate.value "{body}", it = gate.each("{ids.body}", api:get "/id/{each}") } })
gate.post("/function", { calls = { it = gate.each("{body}", api:get "/id/{each}") }, reply = function(_, got)
  return { n = #got.it.body, last = got.it.body[#got.it.body], ok = got.it.ok, ms = got.it.ms >= 0 }
end })
gate.post("/text", { calls = { it = gate.each("{body}", api:get "/ok?body={each}&type=text/plain") }, reply = "{it.body}" })
gate.post("/sql", { calls = { it = gate.each("{body}", shop:one("select ? * 2 as twice", "{each}")) }, reply = "{it.body[].twice}" })
gate.post("/refused", { calls = { it = gate.each("{body}", shop:run("insert into hidden values (?)", "{each}")) } })
gate.post("/failing", { calls = { it = gate.each("{body}", gate.compute("lib.failing", "run", { args = { "{each}" } })) } })
gate.post("/file", { calls = { it = gate.each("{body}", pages:json "{each}.json") }, reply = "{it.body}" })
gate.post("/value", { calls = { it = gate.each("{body}", gate.value({ v = "{each}" }, { delay = "5ms" })) }, reply = "{it.body}" })

gate.post("/required", { calls = { it = gate.each("{body}", api:get "/delay/20/status/{each}") } })
gate.post("/optional", { calls = { it = gate.each("{body}", api:get("/status/{each}?body=1", { optional = true })) } })
gate.post("/instead", { calls = { it = gate.each("{body}", api:get("/status/{each}?body=1", { fallback = { not_ok = "{each}" } })) } })
gate.post("/own", { calls = { it = gate.each("{body}", api:get("/status/500", { fallback = { own = "{each}" } })) }, reply = "{it.body[].own}" })
gate.post("/whole", { calls = { it = gate.each("{body}", api:get "/status/{each}", { optional = true }) } })
gate.post("/wholly", { calls = { it = gate.each("{body}", api:get "/status/{each}", { fallback = gate.list {} }) } })
gate.post("/relay", { calls = { it = gate.each("{body}", api:get("/status/{each}", { relay = { 404 } })) } })
gate.post("/none", { calls = { gone = api:get("/status/500", { fallback = { x = 1 } }),
  it = gate.each("{gone.body.list}", api:get "/id/{each}", { optional = true }) } })
gate.post("/no-list", { calls = { gone = gate.value { x = 1 }, it = gate.each("{gone.body.x}", api:get "/id/{each}") } })
gate.post("/owed", { calls = { it = gate.each("{body.list}", api:get "/id/{each}") } })
gate.post("/null", { calls = { it = gate.each("{body}", api:get("/id/{each.id}", { optional = true })) } })
gate.post("/absent", { input = { body = { list = "any[]?" } }, calls = { it = gate.each("{body.list}", api:get "/id/{each}") } })
gate.post("/many", { limits = { each = 5 }, calls = { it = gate.each("{body}", api:get "/id/{each}") } })
gate.post("/large", { limits = { results = "3KiB" }, calls = { it = gate.each("{body}", api:get "/big/{each}") } })
gate.post("/within", { calls = { it = gate.each("{body}", api:get("/delay/{each}/id/x", { optional = true }), { within = "600ms", at_once = 2 }) },
  reply = "{it.body}" })
gate.get("/hang", { calls = { list = gate.value { 1, 2, 3, 4, 5 }, it = gate.each("{list.body}", api:get "/hang", { at_once = 3 }) } })
gate.get("/hangs", { calls = { list = gate.value { 1, 2, 3, 4, 5 }, it = gate.each("{list.body}", api:get "/hang?{each}", { at_once = 3 }) } })
gate.post("/late", { within = "100ms", calls = { it = gate.each("{body}", api:get "/hang?{each}") } })
gate.post("/next", { calls = { it = gate.each("{body}", api:get "/id/{each}"),
  last = gate.each("{it.body[].id}", api:get "/id/{each}-{it.body[1].id}") }, reply = "{last.body[].id}" })
]=]

local g, backend

local function start()
  backend = faultd.start()
  g = gateway.start {
    ["gateway.lua"] = { services = { api = backend.url }, databases = { shop = "sqlite:shop.db" }, files = { pages = "./pages" } },
    ["routes.lua"] = routes,
    ["lib/failing.lua"] = "return { run = function(x) error('hidden ' .. x) end }",
    ["pages/a.json"] = '{ "page": "a" }', ["pages/b.json"] = "[1]",
  }
end

local function stop()
  gateway.clean()
  faultd.clean()
end

local function post(path, json)
  return g:post(path, { headers = { { "Content-Type", "application/json" } }, body = json })
end

local function ids(count, distinct, prefix)
  local parts = {}
  for i = 1, count do
    parts[i] = ('{"id":"%s%d"}'):format(prefix or "n", i % distinct)
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

describe("gate.each", function()
  setup(start)
  teardown(stop)
  before_each(function() backend:reset() end)

  it("makes 20 calls for 100 items with 20 distinct ids, never more than 8 in flight", function()
    local expected, most = {}, 0
    for i = 1, 100 do
      expected[i] = { id = "n" .. i % 20 }
    end
    wait.in_time(function() -- 8 of them are in flight before the first is answered
      backend:reset()
      local reply = post("/delay/15", ids(100, 20))
      assert.equal(200, reply.status, reply.body)
      assert.same(expected, reply:json())
      local record = backend:record()
      most = math.max(most, record.in_flight_most)
      assert.equal(20, record.requests)
      assert.equal(8, record.in_flight_most)
    end)
    assert.equal(8, most)
  end)

  it("gives the same reply in whatever order the answers land", function()
    local expected
    for round = 1, ROUNDS do
      local parts = {}
      for i = 1, 12 do
        parts[i] = ('{"id":"x%d","ms":%d}'):format(i % 9, math.random(0, 12))
      end
      local reply = post("/shuffled", "[" .. table.concat(parts, ",") .. "]")
      expected = expected or reply.body
      assert.equal(200, reply.status)
      assert.equal(expected, reply.body, "round " .. round)
    end
  end)

  it("fills {each} wherever a call takes a value", function()
    local reply = post("/echo", '[{"id":"a b"},{"id":2.50}]')
    local got = reply:json()
    assert.equal("/echo?id=a%20b", got.first.target)
    assert.same({ '{"all":{"id":"a b"},"id":"a b"}', '{"all":{"id":2.50},"id":2.50}' }, got.bodies)
    assert.equal(200, got.status)
    local raw = backend:record().log[2].raw
    assert.is_truthy(raw:find("x-id: n-2.50", 1, true), raw)
  end)

  it("makes calls twice that differ in a header alone, and every POST", function()
    assert.equal(200, post("/headers", '["a","b","a"]').status)
    assert.equal(2, backend:record().requests)
    backend:reset()
    assert.equal(200, post("/echo", '[{"id":1},{"id":1},{"id":1}]').status)
    assert.equal(3, backend:record().requests)
  end)

  it("goes through the list of another call, and gives lists to the merged reply and to functions", function()
    assert.equal('{"ids":[2,1],"it":[{"id":"2"},{"id":"1"}]}', post("/merged", "[2,1]").body)
    assert.same({ n = 3, last = { id = "9" }, ok = true, ms = true }, post("/function", "[7,8,9]"):json())
    assert.same({ "1-1", "2-1" }, post("/next", "[1,2]"):json())
  end)

  it("takes calls of every kind of backend; text becomes a string", function()
    assert.equal('["a \\"b\\"","c","a \\"b\\""]', post("/text", '["a \\"b\\"","c","a \\"b\\""]').body)
    assert.equal("[2,5,2]", post("/sql", "[1,2.5,1]").body)
    assert.equal('[[1],{ "page": "a" },[1]]', post("/file", '["b","a","b"]').body)
    assert.equal('[{"v":1},{"v":{"x":[]}}]', post("/value", '[1,{"x":[]}]').body)
  end)

  it("gives an empty list for an empty list, and for one that input allows to be absent", function()
    assert.equal('{"it":[]}', post("/whole", "[]").body)
    assert.equal('{"it":[]}', post("/absent", "{}").body)
    assert.equal(0, backend:record().requests)
  end)

  it("fails with the first element that had to succeed, named by its place; the others are cancelled", function()
    local reply = post("/required", "[200,200,200,500,200,200,200,200,200,201,202,203]")
    assert.equal(502, reply.status)
    assert.same({ { name = "it[4]", kind = "status", status = 500 } }, reply:json().calls)
    assert.is_truthy(reply:json().detail:find("the call it[4] failed", 1, true), reply.body)
    assert.is_true(backend:record().requests < 12)
  end)

  it("tells no client what a database, a folder or a module says, but the log", function()
    for path, said in pairs {
      ["/refused"] = { "the database refused the statement", "no such table: hidden" },
      ["/file"] = { "not there", "hidden.json: not there" },
      ["/failing"] = { "an error in its module", "hidden hidden" },
    } do
      local out = post(path, '["hidden"]')
      assert.equal("the call it[1] failed: " .. said[1], out:json().detail)
      assert.is_nil(out.body:find("hidden", 1, true))
      if path ~= "/file" then -- what is not there is no news
        assert.truthy(wait.till(function() return g:log():find(said[2], 1, true) end), g:log())
      end
    end
  end)

  it("has null, or the fallback, where one that may fail did, and says so", function()
    local reply = post("/optional", "[200,500,201,503,500]")
    assert.equal('{"it":[1,null,1,null,null]}', reply.body)
    assert.equal("it=status", reply.headers["moongate-partial"])
    assert.equal('{"it":[1,{"not_ok":500},{"not_ok":503}]}', post("/instead", "[200,500,503]").body)
  end)

  it("has each element's own fallback where one call is made for many", function()
    local reply = post("/own", "[1,2,1,3]")
    assert.equal("[1,2,1,3]", reply.body)
    assert.equal("it=status", reply.headers["moongate-partial"])
    assert.equal(1, backend:record().requests)
  end)

  it("as a whole may fail, too", function()
    local reply = post("/whole", "[200,500]")
    assert.equal('{"it":null}', reply.body)
    assert.equal("it=status", reply.headers["moongate-partial"])
    assert.equal('{"it":[]}', post("/wholly", "[200,500]").body)
    assert.equal(404, post("/relay", "[200,404]").status)
    assert.equal(502, post("/relay", "[200,500]").status)
  end)

  it("fails as missing without a list, 400 where the client owed it", function()
    local reply = post("/none", "1")
    assert.equal('{"gone":{"x":1},"it":null}', reply.body)
    assert.equal("gone=status, it=missing", reply.headers["moongate-partial"])
    reply = post("/no-list", "1")
    assert.equal(502, reply.status)
    assert.is_truthy(reply:json().detail:find("gone.x is no list", 1, true), reply.body)
    reply = post("/owed", '{"list":3}')
    assert.equal(400, reply.status, reply.body)
    assert.same({ { at = "body.list", detail = "is no list" } }, reply:json().errors)
    assert.equal(400, post("/owed", "{}").status)
    assert.equal('{"it":[{"id":"1"},null,null]}', post("/null", '[{"id":1},null,{"id":[]}]').body)
  end)

  it("is bounded: in elements, in bytes, in time", function()
    local reply = post("/many", "[1,2,3,4,5,6]")
    assert.equal(502, reply.status)
    assert.same({ { name = "it", kind = "too_large" } }, reply:json().calls)
    assert.equal(0, backend:record().requests)
    assert.equal(200, post("/many", "[1,2,3,4,5]").status)
    reply = post("/large", "[1100,1101,1102]")
    assert.equal("too_large", reply:json().calls[1].kind, reply.body)
    assert.equal("too_large", post("/large", "[1000,1000,1000,1000]"):json().calls[1].kind)
    assert.equal(200, post("/large", "[1000,1000]").status)
    wait.in_time(function()
      assert.equal('[{"id":"x"},null,{"id":"x"},null,null,null]', post("/within", "[1,10000,2,10001,3,4]").body)
    end)
    reply = post("/late", "[1,2]")
    assert.equal(504, reply.status)
  end)

  it("makes equal GETs once, also such that fail", function()
    assert.equal('{"it":[null,null,null]}', post("/optional", "[500,500,500]").body)
    assert.equal(1, backend:record().requests)
  end)

  it("ends with its client", function()
    for _, case in ipairs { { "/hang", 1 }, { "/hangs", 3 } } do
      backend:reset()
      local client = http.connect(g.port)
      client:send("GET " .. case[1] .. " HTTP/1.1\r\nHost: a\r\n\r\n")
      backend:record_when(function(r) return r.in_flight == case[2] end, 5000)
      assert.equal(case[2], backend:record().requests)
      client:close()
      local record = backend:record_when(function(r) return r.open == 0 end, 5000)
      assert.equal(0, record.open)
      assert.equal(case[2], record.requests)
    end
  end)

  it("is shown by `moongate routes`", function()
    local code, out = gateway.run("routes", g.dir)
    assert.equal(0, code, out)
    assert.is_truthy(out:find("api GET /delay/{ms}/id/{each} for each {body[].id}, 8 at once  over plain", 1, true), out)
    assert.is_truthy(out:find("api GET /id/{each}-{it.body[1].id} for each {it.body[].id}, 8 at once  over plain  waits for it", 1, true), out)
  end)
end)

describe("gate.each over Redis", function()
  teardown(function()
    gateway.clean()
    redis.clean()
  end)

  it("makes a command for each element", function()
    local server = redis.start()
    local run = gateway.start {
      ["gateway.lua"] = { redis = { cache = server.url } },
      ["routes.lua"] = [=[
local gate = require "moongate"
local cache = gate.redis "cache"
gate.post("/set", { calls = { it = gate.each("{body}", cache:set("{each.k}", "{each.v}")) } })
gate.post("/get", { calls = { it = gate.each("{body}", cache:get "{each}") }, reply = "{it.body}" })
]=],
    }
    local function send(path, json)
      return run:post(path, { headers = { { "Content-Type", "application/json" } }, body = json })
    end
    assert.equal(200, send("/set", '[{"k":"a","v":1},{"k":"b","v":"two"}]').status)
    assert.equal('["two","1",null,"two"]', send("/get", '["b","a","c","b"]').body)
  end)
end)
