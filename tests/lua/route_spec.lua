local dkjson = require "dkjson"
local support = require "lua.support"

local GATEWAY = [[return {
  services  = { users = "http://127.0.0.1:9001", orders = "http://127.0.0.1:9002" },
  databases = { shop = "sqlite:shop.db" },
  files     = { pages = "./pages" },
}]]

local HEAD = [[local gate = require "moongate" local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages" ]]

describe("a route", function()
  local boot

  before_each(function()
    boot = support.fresh()
    boot.config(GATEWAY, "gateway.lua", os.getenv)
  end)

  after_each(support.restore)

  -- The canonical form of the routes that a file declares.
  local function declared(text)
    local routes, problems = boot.routes { { name = "a.lua", text = HEAD .. text } }
    assert.same({}, support.printed(problems))
    local list = {}
    for i, route in ipairs(routes) do
      local null = setmetatable({}, { __tostring = function() return "null" end })
      list[i] = dkjson.decode(route.json, 1, null, nil, nil)
      assert.same({ list[i].file, list[i].line }, { route.file, route.line })
    end
    return list, routes
  end

  local function problems(text)
    local _, wrong = boot.routes { { name = "a.lua", text = HEAD .. "\n" .. text } }
    return support.printed(wrong)
  end

  it("is declared under its method, where it stands", function()
    local list = declared [[
      gate.get("/a", { reply = 1 })
      gate.post("/a", { reply = 1 })
      gate.put("/a", { reply = 1 })
      gate.patch("/a", { reply = 1 }) gate.delete("/a", { reply = 1 })
      gate.route("*", "/b/{rest...}", { reply = 1 })
      gate.route("PUT",
        "/c", { reply = 1 })]]
    local found = {}
    for i, route in ipairs(list) do
      found[i] = ("%s %s:%d"):format(route.method, route.path, route.line)
    end
    assert.same({ "GET /a:2", "POST /a:3", "PUT /a:4", "PATCH /a:5", "DELETE /a:5", "* /b/{rest...}:6",
      "PUT /c:7" }, found)
  end)

  it("may be a function alone", function()
    local list = declared [[
      gate.get("/a", function(req) return req .. "one" end)
      gate.get("/b", { reply = function() return "two" end, calls = { u = users:get "/" } })]]
    assert.same({ fn = 1 }, list[1].reply)
    assert.same({ fn = 2 }, list[2].reply)
    assert.equal("req one", boot.functions[1] "req ")
    assert.equal("two", boot.functions[2]())
  end)

  it("has a template as it was written", function()
    local list, routes = declared [[
      gate.get("/a", { calls = { u = users:get "/" }, reply = { name = "{u.body.name}", none = gate.null,
        empty = {}, list = gate.list {}, n = { 1, 2.5, true }, deep = { { x = "{u.body}" } },
        raw = gate.json.raw "1.00" } })
      gate.get("/b", { reply = "{query.x}" })
      gate.get("/c", { calls = { u = users:get "/" } })
      gate.get("/d", { reply = false })]]
    assert.truthy(routes[1].json:find([["reply":{"template":{"deep":[{"x":"{u.body}"}],"empty":{},]]
      .. [["list":[],"n":[1,2.5,true],"name":"{u.body.name}","none":null,"raw":1.00}}]], 1, true))
    assert.same({ template = "{query.x}" }, list[2].reply)
    assert.is_nil(list[3].reply)
    assert.same({ template = false }, list[4].reply)
  end)

  it("has its calls with all their options", function()
    local route = declared [[
      gate.post("/a/{id}", { within = "1.5s", calls = {
        one = users:post("/u/{id}", { query = { q = "{query.q}", n = 3, b = true }, headers = { ["X-A"] = "a" },
          json = { id = "{id}" }, within = "120ms", optional = true, accept = 404, relay = { 410, 409 },
          needs = "two", forward = { headers = { "authorization" }, query = "*" }, redirects = 2 }),
        two = shop:one("select ? where ? = ?", "{id}", 3, gate.null, { fallback = gate.null }),
        three = pages:json("b.json", { needs = { "two" }, fallback = { items = gate.list {} } }),
        four = gate.value({ x = 1 }, { delay = "100ms", optional = false }),
        five = orders:request "/{id}",
        six = orders:put("/x", { form = { a = "{id}" } }),
        seven = orders:patch("/x", { xml = "<id>{id}</id>", optional = false }),
        eight = orders:delete("/x", { text = "{plain}" }),
        nine = shop:run "delete from t" } })]][1]
    for _, call in pairs(route.calls) do
      assert.equal("a.lua", call.file)
      call.file = nil
    end
    assert.equal(1500, route.within)
    assert.same({ kind = "http", backend = "users", verb = "POST", path = "/u/{id}", line = 3,
      query = { q = "{query.q}", n = 3, b = true }, headers = { ["X-A"] = "a" }, json = { id = "{id}" },
      within = 120, optional = true, accept = { 404 }, relay = { 410, 409 }, needs = { "two" },
      forward = { headers = { "authorization" }, query = "*" }, redirects = 2 }, route.calls.one)
    local null = route.calls.two.fallback
    assert.equal("null", tostring(null))
    assert.same({ kind = "sql", backend = "shop", verb = "one", sql = "select ? where ? = ?", line = 6,
      args = { "{id}", 3, null }, fallback = null }, route.calls.two)
    assert.same({ kind = "file", backend = "pages", verb = "json", path = "b.json", line = 7,
      needs = { "two" }, fallback = { items = {} } }, route.calls.three)
    assert.same({ kind = "value", value = { x = 1 }, delay = 100, line = 8 }, route.calls.four)
    assert.same({ kind = "http", backend = "orders", verb = "*", path = "/{id}", line = 9 }, route.calls.five)
    assert.same({ a = "{id}" }, route.calls.six.form)
    assert.equal("<id>{id}</id>", route.calls.seven.xml)
    assert.is_nil(route.calls.seven.optional)
    assert.equal("{plain}", route.calls.eight.text)
    assert.same({}, route.calls.nine.args)
  end)

  it("declares its input in the same spelling", function()
    local route = declared [[
      gate.get("/a/{id}/{rest...}", { reply = 1, input = { id = "integer", rest = { "string" },
        query = { page = { "integer", default = 1, min = 1, max = 9 }, q = "string?", tag = "string[]",
          opt = "uuid[]?", sort = { "string?", one_of = { "asc", "desc" } },
          ids = { "integer[]", default = { 1, 2 } } },
        headers = { ["X-Api-Key"] = "uuid" }, body = { card = "string", items = "any[]", on = "boolean?" } } })]][1]
    local function field(type, more)
      local made = { type = type, optional = false, list = false }
      for key, value in pairs(more or {}) do
        made[key] = value
      end
      return made
    end
    assert.same({
      params  = { id = field "integer", rest = field "string" },
      query   = {
        page = field("integer", { default = 1, min = 1, max = 9 }),
        q    = field("string", { optional = true }),
        tag  = field("string", { list = true }),
        opt  = field("uuid", { list = true, optional = true }),
        sort = field("string", { optional = true, one_of = { "asc", "desc" } }),
        ids  = field("integer", { list = true, default = { 1, 2 } }),
      },
      headers = { ["x-api-key"] = field "uuid" },
      body    = { card = field "string", items = field("any", { list = true }),
                  on = field("boolean", { optional = true }) },
    }, route.input)
  end)

  it("has limits of its own, in bytes and counts", function()
    local list = declared [[
      gate.post("/a", { reply = 1, limits = { body = "10MiB", calls = 5, fields = 7, result = "2KiB", results = "3B" } })
      gate.post("/b", { reply = 1 })]]
    assert.same({ body = 10485760, calls = 5, fields = 7, result = 2048, results = 3 }, list[1].limits)
    assert.is_nil(list[2].limits)
  end)

  it("comes out the same in every state", function()
    local text = [[gate.get("/{id}", { input = { id = "integer", query = { a = "string", b = "string" } },
      calls = { x = users:get "/x", y = users:get("/y", { query = { c = 1, d = 2 } }) } })]]
    local _, first = declared(text)
    for _ = 1, 10 do
      boot = support.fresh()
      boot.config(GATEWAY, "gateway.lua", os.getenv)
      local _, again = declared(text)
      assert.equal(first[1].json, again[1].json)
    end
  end)

  it("is found wrong at its own line after a tail call too", function()
    assert.same({ 'a.lua:4: unknown key "repy": did you mean "reply"?' },
      problems "\nreturn gate.get('/a', { repy = 1 })")
  end)

  it("cannot be declared while requests run", function()
    declared [[gate.get("/a", function() gate.get("/b", { reply = 1 }) end)]]
    local ok, why = pcall(boot.functions[1])
    assert.is_false(ok)
    assert.truthy(why:find("^a%.lua:2: routes are declared while files are loaded"), why)
  end)

  it("keeps no problem from being found that stands after another", function()
    assert.same({
      'a.lua:3: within: "soon" is no duration: write one such as "200ms"',
      'a.lua:4: unknown key "witin": did you mean "within"?',
      'a.lua:5: there is no gate.gett: did you mean gate.get?',
    }, problems [[
gate.get("/a", { reply = 1, within = "soon" })
gate.get("/b", { calls = { x = users:get("/", { witin = "1s" }) } })
gate.gett("/c", { reply = 1 })]])
  end)

  it("takes many kinds of nonsense without a fault of its own", function()
    local values = { "nil", "true", "0/0", "'x'", "{}", "{ 1 }", "{ x = 1 }", "print", "users", "gate",
      "gate.null", "gate.nothing", "users:get '/x'", "{ { { {} } } }", "'{'", "-1", "1e300", "'\\0'",
      "setmetatable({}, { __index = error })", "gate.list {}", "_G" }
    local places = { "gate.get(%s, { reply = 1 })", "gate.get('/a', %s)", "gate.route(%s, '/a', { reply = 1 })",
      "gate.get('/a/{id}', { reply = 1, input = %s })", "gate.get('/{id}', { reply = 1, input = { id = %s } })",
      "gate.get('/', { reply = 1, input = { query = %s } })", "gate.get('/', { calls = %s })",
      "gate.get('/', { reply = 1, input = { body = { x = { 'integer', one_of = %s } } } })",
      "gate.get('/', { reply = 1, input = { body = { x = { 'any[]', default = %s } } } })",
      "gate.get('/', { reply = 1, input = { body = { x = { 'number', min = %s, max = %s } } } })",
      "gate.get('/', { reply = %s })", "gate.get('/', { reply = 1, limits = %s })", "gate.get('/', { reply = 1, limits = { [%s] = 1 } })",
      "gate.get('/', { within = %s, reply = 1 })", "gate.service(%s)",
      "users:get(%s)", "users:get('/', %s)", "users.get(%s)", "users:get('/', { query = %s })",
      "users:get('/', { headers = %s })", "users:get('/', { headers = { x = %s } })",
      "users:post('/', { json = %s })", "users:post('/', { form = %s })", "users:post('/', { text = %s })",
      "users:get('/', { relay = %s })", "users:get('/', { needs = %s })", "users:get('/', { forward = %s })",
      "users:get('/', { forward = { headers = %s } })", "users:get('/', { fallback = %s })",
      "users:get('/', { optional = %s })", "users:get('/', { [%s] = 1 })", "shop:one(%s)",
      "shop:one('x', %s)", "shop:one('x', %s, %s)", "pages:read(%s)", "gate.value(%s, %s)", "gate.value(%s)",
      "error(%s)", "error(%s, 0)", "require(%s)", "users[%s]()", "gate[%s]()" }
    for _, place in ipairs(places) do
      for _, value in ipairs(values) do
        local line = place:gsub("%%s", function() return value end)
        for _, problem in ipairs(problems(line)) do
          assert.truthy(problem:find("^a%.lua:%d+: "), line .. "\n" .. problem)
          assert.falsy(problem:find("moongate/", 1, true), line .. "\n" .. problem)
          local fault = problem:find("attempt to", 1, true) or problem:find("bad argument", 1, true)
          local own = line:find("gate%[") or line:find("users%[") or line:find("error", 1, true)
          assert.falsy(fault and not own and not problem:find("nil value", 1, true) and problem, line)
        end
      end
    end
  end)
end)
