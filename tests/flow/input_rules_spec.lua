-- Defaults, bounds, optional input, and what an invalid request is answered with.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local problem = require "support.problem"

local routes = [=[
local gate = require "moongate"
local users = gate.service "users"

local search = {
  id = { "integer", min = 1, max = 99 },
  query = {
    page = { "integer", default = 1, min = 1, max = 10 }, q = "string?", sort = { "string", one_of = { "up", "down" }, default = "up" },
    rate = { "number?", min = 0.5, max = 1.5 }, tag = { "string[]", default = gate.list { "x" } }, flag = "boolean?",
    size = { "integer?", one_of = { 10, 20 } }, few = { "integer[]?", min = 0, max = 5 },
  },
  headers = { ["X-Key"] = "uuid?", ["x-n"] = { "integer", default = 7 } },
}
local template = {
  id = "{id}", page = "{query.page}", q = "{query.q}", sort = "{query.sort}", rate = "{query.rate}", tag = "{query.tag}",
  flag = "{query.flag}", size = "{query.size}", few = "{query.few}", key = "{headers.x-key}", n = "{headers.X-N}", text = "q={query.q}",
}
gate.get("/search/{id}", { input = search, reply = template })
gate.get("/fn/{id}", { input = search, reply = function(req)
  local q = req.query
  return { id = req.params.id, page = q.page, q = q.q, sort = q.sort, rate = q.rate, tag = q.tag, flag = q.flag, size = q.size,
    few = q.few, key = req.headers["x-key"], n = req.headers["x-n"] }
end })
gate.get("/sent/{id}", { input = search, calls = { it = users:post("/echo/{id}?q=1", {
  query = { page = "{query.page}", q = "{query.q}", tag = "{query.tag}", mixed = "a{query.q}", rate = "{query.rate}" },
  headers = { ["x-key"] = "{headers.x-key}", ["x-q"] = "q {query.q}" },
  json = { id = "{id}", q = "{query.q}", text = "q {query.q}" },
}) }, reply = "{it.body}" })
gate.get("/form/{id}", { input = search, calls = { it = users:post("/echo", { form = { q = "{query.q}", page = "{query.page}" } }) },
  reply = "{it.body}" })
gate.get("/path/{id}", { input = search, calls = { it = users:get "/echo/{query.q}" } })

gate.post("/order", {
  input = { body = { card = "string", count = { "integer", min = 1, max = 3 }, note = "string?", items = "any[]",
    kind = { "string", one_of = { "a", "b" }, default = "a" }, rate = { "number?", max = 2 } } },
  calls = { it = users:post("/echo", { json = { card = "{body.card}", note = "{body.note}", first = "{body.items[1].id}",
    kind = "{body.kind}", count = "{body.count}" } }) },
  reply = "{it.body.body}",
})
gate.post("/undeclared", { calls = { it = users:post("/echo", { json = "{body.a}" }) } })
gate.post("/in-reply", { reply = { a = "{body.a}" } })
gate.post("/fn-body", function(req) return { a = req.body.a } end)
gate.post("/fn-text", function(req) return { text = req.text } end)
]=]

local g, backend

local function start()
  backend = faultd.start()
  g = gateway.start {
    ["gateway.lua"] = { services = { users = backend.url } },
    ["routes.lua"] = routes,
  }
end

local function stop()
  gateway.clean()
  faultd.clean()
end

local key = "6f1c9e1a-0b2d-4c3e-8f50-a1b2c3d4e5f6"

local function field_of(got, name)
  for _, field in ipairs(got.headers) do
    if field[1]:lower() == name then
      return field[2]
    end
  end
end

describe("declared input", function()
  setup(start)
  teardown(stop)

  it("has defaults, and null in a reply where it is optional and absent", function()
    local reply = g:get "/search/7"
    assert.equal('{"few":null,"flag":null,"id":7,"key":null,"n":7,"page":1,"q":null,"rate":null,"size":null,'
      .. '"sort":"up","tag":["x"],"text":null}', reply.body)
    assert.same({ id = 7, n = 7, page = 1, sort = "up", tag = { "x" } }, g:get("/fn/7"):json())
  end)

  it("is converted, for templates and functions alike", function()
    local target = "7?page=010&q=a%20b&sort=down&rate=1.50&tag=b&tag=a&flag=true&size=20&few=0&few=5"
    local options = { headers = { ["X-Key"] = key, ["X-N"] = "-3" } }
    local reply = g:get("/search/" .. target, options)
    assert.equal('{"few":[0,5],"flag":true,"id":7,"key":"' .. key .. '","n":-3,"page":10,"q":"a b","rate":1.50,"size":20,'
      .. '"sort":"down","tag":["b","a"],"text":"q=a b"}', reply.body)
    local json = reply:json()
    json.text = nil
    assert.same(json, g:get("/fn/" .. target, options):json())
  end)

  for query, at in pairs {
    ["page=0"] = "query.page", ["page=11"] = "query.page", ["rate=0.49"] = "query.rate", ["rate=1.51"] = "query.rate",
    ["sort=Up"] = "query.sort", ["size=15"] = "query.size", ["few=1&few=6"] = "query.few", ["flag=maybe"] = "query.flag",
  } do
    it("is refused out of its bounds: " .. query, function()
      local json = problem.check(g:get("/search/7?" .. query), 400)
      assert.same({ 1, at }, { #json.errors, json.errors[1].at })
    end)
  end

  for _, query in ipairs { "page=1", "page=10", "rate=0.5", "rate=1.5", "rate=15e-1", "size=10", "few=5&few=0" } do
    it("is taken at its bounds: " .. query, function()
      assert.equal(200, g:get("/search/7?" .. query).status)
    end)
  end

  it("is refused with everything that is wrong, before any call is made", function()
    backend:reset()
    local reply = g:get("/sent/100?page=x&sort=z&rate=9&tag=&flag=1&size=11&few=a",
      { headers = { ["x-key"] = "k", ["x-n"] = "n" } })
    local found = {}
    for _, one in ipairs(problem.check(reply, 400).errors) do
      assert.is_true(#one.detail > 0)
      found[#found + 1] = one.at
    end
    table.sort(found)
    assert.same({ "headers.x-key", "headers.x-n", "id", "query.few", "query.flag", "query.page", "query.rate",
      "query.size", "query.sort" }, found)
    assert.equal(0, backend:record().requests)
  end)

  it("that is optional and absent leaves its query field and header out", function()
    local got = g:get("/sent/7"):json()
    assert.equal("/echo/7?q=1&page=1&tag=x", got.target)
    assert.same({}, { field_of(got, "x-key"), field_of(got, "x-q") })
    assert.equal('{"id":7,"q":null,"text":null}', got.body)
    assert.equal("page=1", g:get("/form/7"):json().body)
    got = g:get("/sent/7?q=v", { headers = { ["x-key"] = key } }):json()
    assert.equal("/echo/7?q=1&mixed=av&page=1&q=v&tag=x", got.target)
    assert.same({ key, "q v" }, { field_of(got, "x-key"), field_of(got, "x-q") })
  end)

  it("that is optional and absent is 400 where a path has nothing else", function()
    problem.check(g:get "/path/7", 400)
  end)
end)

describe("a body of JSON", function()
  setup(start)
  teardown(stop)

  local function post(path, body, type)
    return g:post(path, { body = body, headers = { ["content-type"] = type or "application/json" } })
  end

  it("is spliced where the route names it", function()
    assert.equal('{"card":"c","count":2,"first":1.0,"kind":"a","note":null}',
      post("/order", '{"card":"c","count":2,"items":[{"id":1.0}]}'):json())
    assert.equal(200, post("/order", '{"card":"c","count":2,"items":[{"id":1}]}', "application/vnd.x+json; v=1").status)
    assert.equal(200, post("/order", '{"card":"c","count":2,"items":[{"id":1}]}', "APPLICATION/JSON").status)
  end)

  it("is refused with everything that is wrong in it", function()
    local json = problem.check(post("/order", '{"card":1,"count":9,"kind":"z","rate":2.1,"note":false}'), 400)
    local found = {}
    for _, one in ipairs(json.errors) do
      found[#found + 1] = one.at
    end
    table.sort(found)
    assert.same({ "body.card", "body.count", "body.items", "body.kind", "body.note", "body.rate" }, found)
  end)

  for _, path in ipairs { "/order", "/undeclared", "/in-reply", "/fn-body" } do
    it("that is none is 400: " .. path, function()
      for _, body in ipairs { "{", "nope", '{"a":1}}', '{"a":01}', "\239\187\191{}", '{"a":"\255"}', " " } do
        problem.check(post(path, body), 400)
      end
    end)

    it("that says it is something else is 415: " .. path, function()
      for _, type in ipairs { "text/plain", "application/xml", "application/jsonx", "json" } do
        problem.check(post(path, '{"a":1}', type), 415)
      end
    end)
  end

  it("without a Content-Type is taken for JSON if it is", function()
    assert.equal('{"a":1}', g:post("/in-reply", { body = '{"a":1}' }).body)
    problem.check(g:post("/in-reply", { body = "a=1" }), 400)
  end)

  it("that is absent is 400 where a value of it is owed", function()
    for _, path in ipairs { "/order", "/undeclared", "/fn-body" } do
      problem.check(g:post(path), 400)
    end
  end)

  it("of any kind is the function's that asks for the text", function()
    assert.same({ text = "nope \0" }, post("/fn-text", "nope \0", "text/plain"):json())
  end)

  it("that lacks an undeclared value which a call needs is 400, naming it", function()
    local json = problem.check(post("/undeclared", '{"b":1}'), 400)
    assert.same({ { at = "body.a", detail = "is missing" } }, json.errors)
  end)
end)
