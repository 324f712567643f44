-- `[]` in a placeholder: a list of what every element has there.
local faultd = require "support.faultd"
local gateway = require "support.gateway"

local routes = [=[
local gate = require "moongate"
local users, shop = gate.service "users", gate.database "shop"

gate.get("/at", { calls = { it = users:get "/ok?body={query.b}" }, reply = {
  ids = "{it.body[].id}", all = "{it.body[]}", lines = "{it.body[].lines[].id}", first = "{it.body[].lines[1].id}",
  deep = "{it.body[].lines[].tags[]}", under = "{it.body.items[].id}", pairs = "{it.body[][]}", second = "{it.body[2].lines[].id}",
} })
gate.post("/sent", { calls = { it = users:post("/echo", {
  query = { id = "{body.items[].id}" }, json = { ids = "{body.items[].id}" } }) }, reply = "{it.body}" })
gate.post("/form", { calls = { it = users:post("/echo", { form = { id = "{body.items[].id}", z = 1 } }) }, reply = "{it.body}" })
gate.post("/declared", { input = { body = { items = "any[]" } }, reply = "{body.items[].id}" })
gate.post("/sql", { calls = { it = shop:query("select value * 2 as twice from json_each(?)", "{body[].n}") }, reply = "{it.body[].twice}" })
gate.get("/missing", { calls = { it = users:get "/ok?body={query.b}",
  next = users:post("/echo", { json = { ids = "{it.body.items[].id}" } }) } })
]=]

local g

local function encoded(text)
  return (text:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function at(json)
  local reply = g:get("/at?b=" .. encoded(json))
  assert.equal(200, reply.status, reply.body)
  return reply:json(), reply.body
end

local function post(path, json)
  return g:post(path, { headers = { { "Content-Type", "application/json" } }, body = json })
end

describe("a placeholder with []", function()
  setup(function()
    g = gateway.start {
      ["gateway.lua"] = { services = { users = faultd.start().url }, databases = { shop = "sqlite:shop.db" } },
      ["routes.lua"] = routes,
    }
  end)

  teardown(function()
    gateway.clean()
    faultd.clean()
  end)

  it("is the list of every element's value, byte for byte and in order", function()
    local _, text = at '[{"id":1.50,"n":0},{"id": "\\u00e9" }, {"id":{ "a" : [1e2 , 2] }}]'
    assert.is_truthy(text:find('"ids":[1.50,"\\u00e9",{ "a" : [1e2 , 2] }]', 1, true), text)
    assert.is_truthy(text:find('"all":[{"id":1.50,"n":0},{"id": "\\u00e9" },{"id":{ "a" : [1e2 , 2] }}]', 1, true), text)
  end)

  it("keeps null for an element that has no such value, so that lists stay side by side", function()
    local _, text = at '[{"id":1},{"x":2},3,null,{"id":null},{"id":6}]'
    assert.is_truthy(text:find('"ids":[1,null,null,null,null,6]', 1, true), text)
  end)

  it("flattens lists within lists, in order; where there is no inner list there is nothing", function()
    local got, text = at [==[[{"lines":[{"id":1,"tags":["a","b"]},{"id":2}]},{"lines":[]},{"id":0},
      {"lines":{"id":9}},{"lines":[{"id":3,"tags":[]},{"id":4,"tags":["c"]}]}]]==]
    assert.same({ 1, 2, 3, 4 }, got.lines)
    assert.same({ "a", "b", "c" }, got.deep)
    assert.is_truthy(text:find('"first":[1,null,null,null,3]', 1, true), text)
    assert.is_truthy(text:find('"second":[]', 1, true), text)
  end)

  it("is an empty list for an empty list, and missing where there is no list", function()
    local _, text = at "[ ]"
    assert.is_truthy(text:find('"ids":[]', 1, true), text)
    assert.is_truthy(text:find('"under":null', 1, true), text)
    _, text = at '{"items":[{"id":1}],"id":2}'
    assert.is_truthy(text:find('"under":[1]', 1, true), text)
    assert.is_truthy(text:find('"ids":null', 1, true), text)
    assert.same({ 1, 2, 3 }, at("[[1,2],[],[3],4]").pairs)
  end)

  it("repeats a field of a query or form, and is a list in JSON", function()
    local echo = post("/sent", '{"items":[{"id":"a b"},{"id":2}]}'):json()
    assert.equal("/echo?id=a%20b&id=2", echo.target)
    assert.equal('{"ids":["a b",2]}', echo.body)
    assert.equal("id=1&id=2&z=1", post("/form", '{"items":[{"id":1},{"id":2}]}'):json().body)
  end)

  it("reads what `input` declares, and is bound in SQL as a JSON list", function()
    assert.equal('[1,"x"]', post("/declared", '{"items":[{"id":1},{"id":"x"}]}').body)
    assert.equal("[2,4]", post("/sql", '[{"n":1},{"n":2}]').body)
  end)

  it("that a call needs and that is no list is missing: 400 where the client owed it", function()
    local reply = g:get("/missing?b=" .. encoded '{"items":{}}')
    assert.equal(502, reply.status)
    assert.equal("missing", reply:json().calls[1].kind)
    assert.is_truthy(reply:json().detail:find("it.items[].id is missing", 1, true), reply.body)
    assert.equal(400, post("/sent", '{"items":7}').status)
  end)
end)
