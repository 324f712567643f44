local support = require "lua.support"

local GATEWAY = [[return {
  services = { users = "http://127.0.0.1:9001" }, databases = { shop = "sqlite:shop.db" },
  files = { pages = "./pages" },
}]]

local HEAD = [[local gate = require "moongate" local users = gate.service "users"
local shop, pages = gate.database "shop", gate.files "pages" ]]

describe("a call in a running function", function()
  local boot, core

  before_each(function()
    boot, core = support.fresh()
    boot.config(GATEWAY, "gateway.lua", os.getenv)
  end)

  after_each(support.restore)

  -- What the body of a reply function returns when it runs, with `x` as its argument.
  local function run(text, x)
    local routes, problems = boot.routes {
      { name = "a.lua", text = HEAD .. "gate.get('/', function(x)\n" .. text .. "\nend)" },
    }
    assert.same({}, support.printed(problems))
    assert.is_table(routes)
    return boot.functions[#boot.functions](x)
  end

  local function raised(text, x)
    local ok, why = pcall(run, text, x)
    assert.is_false(ok)
    return why
  end

  it("is made of the same parts as in a route", function()
    local call = run([[local c = users:get("/by/{id}", { params = { id = x }, within = "50ms",
      relay = { 404 }, query = { a = 1 }, headers = { b = "c" }, fallback = gate.null }) return c]], 7)
    assert.same({ "http", "users", "GET", "/by/{id}", 50, true, core.null },
      { call.kind, call.backend, call.verb, call.path, call.within, call.has_fallback, call.fallback })
    assert.same({ id = 7 }, call.params)
    assert.same({ a = 1 }, call.query)
    assert.same({ b = "c" }, call.headers)
    assert.equal(404, call.relay[1])
    assert.is_nil(call.file)
    assert.is_nil(call.json)
  end)

  it("binds what it is given, nil and null too", function()
    local call = run([[local c = shop:query("select ?, ?, ?", nil, gate.null, x, { within = "1s" }) return c]], "y")
    assert.same({ 3, nil, core.null, "y", 1000 },
      { call.args.n, call.args[1], call.args[2], call.args[3], call.within })
    assert.equal(0, run("local c = shop:run 'x' return c").args.n)
    assert.equal(1, run("local c = shop:run('x', nil) return c").args.n)
  end)

  it("takes its strings literally", function()
    local call = run([[local c = users:post("/x", { json = { a = "{id}" }, text = nil }) return c]])
    assert.same({ a = "{id}" }, call.json)
  end)

  it("is run by waiting for it or starting it", function()
    local waited = run [[return users:get("/x"):wait("10ms")]]
    assert.same({ "wait", "GET", "10ms" }, { waited.fn, waited[1].verb, waited[2] })
    assert.equal("start", run([[return pages:read("x"):start()]]).fn)
    assert.equal("all", run([[return gate.all { a = users:get "/x" }]]).fn)
  end)

  it("raises misuse at the line of the route", function()
    for text, message in pairs {
      ["\nlocal c = users:get('/x', { witin = '1s' })"] = 'a.lua:4: unknown key "witin": did you mean "within"?',
      ["local c = users:get('/x', { within = 5 })"] = 'a.lua:3: within: a bare number is no duration: write "5ms"',
      ["local c = users:get('/x', {\nheaders = { ['a b'] = 'x' } })"] = 'a.lua:4: headers: "a b": no name for a header: '
        .. "letters, digits and hyphens make one",
      ["local c = users:get('/x', { headers = { a = 'x\\r\\ny' } })"] = "a.lua:3: headers.a: CR, LF and NUL cannot be "
        .. "part of a header",
      ["local c = users:gett '/x'"] = 'a.lua:3: a service has no verb "gett": did you mean "get"?',
      ["local c = users:get('/x', { retries = 2 })"] = 'a.lua:3: not yet: "retries"',
      ["local s = gate.service 'user'"] = 'a.lua:3: no service "user" in gateway.lua: did you mean "users"?',
      ["local c = gate.alll {}"] = "a.lua:3: there is no gate.alll: did you mean gate.all?",
      ["local c = shop:one('x', print)"] = "a.lua:3: parameter 1 of the SQL is a function: bind strings, numbers, "
        .. "booleans or gate.null",
      ["local c = users:get(nil)"] = "a.lua:3: get takes a path, not nothing",
      ["return users:get(nil)"] = "a.lua:3: get takes a path, not nothing",
    } do
      if not text:find "^return" then
        text = text .. "\nreturn c"
      end
      local why = raised(text)
      if text:find "^return" then -- the tail call left no trace of the function
        why = why:gsub("^a%.lua:%d+:", "a.lua:3:")
      end
      assert.equal(message, why)
    end
  end)

  it("goes on working after misuse", function()
    raised [[local c = users:get('/x', { query = { a = { {} } } }) return c]]
    assert.equal(1, run([[local c = users:get('/x', { query = { a = 1 } }) return c]]).query.a)
  end)

  it("has no result before it was run", function()
    assert.equal('a.lua:3: this call has not been run, so it has no "body": say :wait()',
      raised [[local b = users:get("/x").body return b]])
  end)

  it("is no text, no function, and cannot be changed", function()
    assert.truthy(raised([[local t = users:get "/x" .. x return t]], "1"):find('put a placeholder like "{id}"', 1, true))
    assert.truthy(raised([[local t = x .. users:get "/x" return t]], "1"):find('put a placeholder like "{id}"', 1, true))
    assert.truthy(raised([[local t = users:get "/x" () return t]]):find("say :wait()", 1, true))
    assert.truthy(raised([[local c = users:get "/x" c.timeout = 3]]):find("put \"timeout\" into its options", 1, true))
    assert.truthy(raised([[users.name2 = 3]]):find("a service cannot be changed", 1, true))
    assert.is_false(run [[local m = getmetatable(users:get "/x") return m]])
    assert.is_false(run [[local m = getmetatable(users) return m]])
  end)

  it("does not look into data that it sends", function()
    local call = run([[local c = users:post("/x", { json = x }) return c]], { f = print })
    assert.equal(print, call.json.f)
  end)
end)
