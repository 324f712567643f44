-- `moongate test`: specs of routes, run by busted against stubbed backends and a clock of their own.
local dkjson = require "dkjson"
local gateway = require "support.gateway"
local lfs = require "lfs"
local places = require "support.places"
local posix = require "support.posix"
local process = require "support.process"
local slurp = require "support.slurp"

local program = places.build .. "/moongate"

local function has(text, part)
  assert.truthy(text:find(part, 1, true), ("%q is not in: %s"):format(part, text))
end

local ROUTES = [[
local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
gate.get("/account/{id}", {
  calls = { profile = users:get "/users/{id}", orders = orders:get("/orders", { optional = true }) },
})
gate.get("/me", function()
  return users:get("/me"):wait().body
end)
gate.get("/broken", function()
  local nobody
  return nobody.name
end)
gate.get("/after", function()
  gate.finally(function() users:delete("/left"):wait() gate.sleep "1h" users:delete("/never"):wait() end)
  return {}
end)
gate.get("/sleepy", function() gate.sleep "1s" return "awake" end)
]]

local CONFIG = { services = { users = "http://127.0.0.1:1", orders = "http://127.0.0.1:1" } }

-- A gateway with one spec file that holds these tests: body by name.
local function with(tests)
  local lines = {}
  for name, body in pairs(tests) do
    lines[#lines + 1] = ("it(%q, function() %s end)"):format(name, body)
  end
  return gateway.folder {
    ["gateway.lua"] = CONFIG, ["routes.lua"] = ROUTES, ["spec/a_spec.lua"] = table.concat(lines, "\n"),
  }
end

-- What is said of a test that must fail.
local function complaint(body)
  local code, out, err = gateway.run("test", with { it = body })
  assert.equal(1, code, out .. err)
  has(out, "0 passed, 1 failed")
  return out
end

-- How many tests the spec files of a gateway have, each on a line of its own.
local function count_in(folder)
  local count = 0
  local spec = places.checkout .. "/" .. folder .. "/spec"
  for name in lfs.dir(spec) do
    for _ in (name:find "_spec%.lua$" and slurp(spec .. "/" .. name) or ""):gmatch "\n%s*it%(" do
      count = count + 1
    end
  end
  return count
end

describe("moongate test", function()
  after_each(gateway.clean)

  for _, folder in ipairs { "tests/staged", "examples/checkout", "examples/each", "examples/hello",
    "examples/search", "examples/shared", "examples/shop" } do
    it("passes the specs of " .. folder, function()
      local code, out, err = gateway.run("test", places.checkout .. "/" .. folder)
      assert.same({ 0, "" }, { code, err }, out)
      assert.equal(("%d passed, 0 failed"):format(count_in(folder)), out:match "([^\n]*)\n$")
    end)
  end

  it("passes the spec of what `moongate new` makes", function()
    local dir = posix.folder() .. "/made"
    assert.equal(0, (gateway.run("new", dir)))
    local code, out = gateway.run("test", dir)
    assert.same({ 0, "2 passed, 0 failed" }, { code, out:match "([^\n]*)\n$" })
  end)

  it("passes the spec that the README shows, of the route that it shows", function()
    local readme = slurp(places.checkout .. "/README.md")
    local code, out = gateway.run("test", gateway.folder {
      ["gateway.lua"] = { services = CONFIG.services, databases = { shop = "sqlite:none.db" } },
      ["account.lua"] = readme:match "```lua\n(.-)```",
      ["spec/account_spec.lua"] = readme:match "\n    describe%b()",
    })
    assert.same({ 0, "1 passed, 0 failed" }, { code, out:match "([^\n]*)\n$" }, out)
  end)

  it("names file, line and test of a failure, and all that is the matter", function()
    local code, out = gateway.run("test", with {
      ["one passes"] = [[assert.equal(404, drive("GET /none").out.status)]],
      ["one fails"] = [[assert.equal(1, 2)]],
    })
    assert.equal(1, code)
    has(out, "FAILED  spec/a_spec.lua")
    has(out, "FAILED  one fails")
    assert.truthy(out:find "/spec/a_spec.lua:%d: Expected objects to be equal", out)
    assert.equal("1 passed, 1 failed", out:match "([^\n]*)\n$")
    assert.is_nil(out:find("\27", 1, true)) -- no colours in a pipe
  end)

  it("shows the error in a route's script, with its line", function()
    local out = complaint [[assert.equal(200, drive("GET /broken").out.status)]]
    has(out, "routes.lua:11: attempt to index local 'nobody' (a nil value)")
    has(out, "GET /broken: the reply was 500")
  end)

  it("says what is the matter, at the author's line", function()
    local messages = {
      [ [[drive("GET /account/42").answer { profil = ok {} }]] ] = 'GET /account/42: nobody asks for "profil": '
        .. 'did you mean "profile"?: open are orders (orders GET /orders), profile (users GET /users/42)',
      [ [[local run = drive("GET /account/42") run.answer { profile = ok {} } run.answer { profile = ok {} }]] ] =
        'GET /account/42: nobody asks for "profile" any more, it has ended (ok): open are orders',
      [ [[drive("GET /me").answer { ok {}, ok {} }]] ] = "GET /me: nobody asks for answer 2: the reply was 200 {}",
      [ [[drive("GET /account/42").answer { orders = ok {} }]] ] =
        "GET /account/42 has no reply: it waits for profile (users GET /users/42)",
      [ [[drive("GET /sleepy")]] ] =
        "GET /sleepy has no reply: no call is open, it waits for time to go by: run.tick moves the clock",
      [ [[drive("GET /after")]] ] = "GET /after goes on: it waits for users (users DELETE /left)",
      [ [[drive("/account")]] ] = 'drive takes a method and a path such as "GET /account/42", not "/account"',
      [ [[drive("GTE /account")]] ] = 'no method "GTE": did you mean "GET"?',
      [ [[drive("GET /me", { header = {} })]] ] = 'drive has no option "header": did you mean "headers"?',
      [ [[drive("GET /a/{id}", { params = { ib = 1 } })]] ] = '/a/{id} has no param "id"',
      [ [[drive "rotes.lua"]] ] = 'no file "rotes.lua" declares a route: did you mean "routes.lua"?',
      [ [[drive "routes.lua"]] ] = 'routes.lua declares 5 routes: say which, such as drive("GET /account/{id}"',
      [ [[drive("GET /me").answer { users = failed "timout" }]] ] = 'no failure "timout": did you mean "timeout"?',
      [ [[drive("GET /me").answer { users = failed "status" }]] ] = 'no failure "status": say status(500)',
      [ [[drive("GET /me").answer { users = { name = "Ada" } }]] ] = "users is no answer: say ok { ... }",
      [ [[drive("GET /me").answer { users = function() end }]] ] = "the function that answers users returned no answer",
      [ [[drive("GET /me").answer { users = ok({}, { stats = 1 }) }]] ] = 'an answer takes no "stats"',
      [ [[drive("GET /me").answer { users = status "x" }]] ] = "a status is a number from 200 to 599",
      [ [[drive("GET /me").answer(ok {})]] ] = "answer takes a table such as",
      [ [[drive("GET /me").tick(30)]] ] = 'tick: a bare number is no duration: write "30ms"',
    }
    local tests = {}
    for body in pairs(messages) do
      tests[body] = body
    end
    local code, out = gateway.run("test", "--json", with(tests))
    local said = dkjson.decode(out)
    assert.equal(1, code)
    for _, test in ipairs(said.tests) do
      has(test.message or "nothing", ("/spec/a_spec.lua:%d: %s"):format(test.line, messages[test.name]))
      messages[test.name] = nil
    end
    assert.is_nil(next(messages))
  end)

  it("runs what has a text in its name", function()
    local dir = gateway.folder {
      ["spec/one_spec.lua"] = [[it("is blue", function() end) it("is red", function() end)]],
      ["spec/deep/two_spec.lua"] = [[describe("it", function() it("is green", function() end) end)]],
      ["spec/none.lua"] = "error 'no spec'",
    }
    local function last(...)
      local code, out = gateway.run("test", ...)
      return { code, out:match "([^\n]*)\n$" }
    end
    assert.same({ 0, "3 passed, 0 failed" }, last(dir))
    assert.same({ 0, "1 passed, 0 failed" }, last(dir, "two_spec"))
    assert.same({ 0, "1 passed, 0 failed" }, last(dir, "is red"))
    assert.same({ 0, "1 passed, 0 failed" }, last(dir, "it is green"))
    local code, _, err = gateway.run("test", dir, "purple")
    assert.same({ 1, 'moongate: no spec has "purple" in its name\n' }, { code, err })
  end)

  it("writes JSON for programs", function()
    local code, out = gateway.run("test", "--json", with { fails = [[drive("GET /me")]], passes = "" })
    local said = dkjson.decode(out)
    assert.same({ 1, 1, 1, 0 }, { code, said.passed, said.failed, said.pending })
    local states = {}
    for _, test in ipairs(said.tests) do
      states[test.name] = test.state
      assert.equal("spec/a_spec.lua", test.file)
      assert.truthy(test.line)
      if test.state == "failed" then
        has(test.message, "it waits for users (users GET /me)")
        assert.same({ "GET /me: open are users (users GET /me)" }, test.notes)
      end
    end
    assert.same({ fails = "failed", passes = "passed" }, states)
  end)

  it("forgets between tests, and tells of a request of another one", function()
    local dir = gateway.folder {
      ["gateway.lua"] = CONFIG, ["routes.lua"] = ROUTES,
      ["spec/a_spec.lua"] = [[
        local run
        setup(function() run = drive "GET /me" end)
        it("a", function() assert.equal(200, run.answer { users = ok {} }.status) end)
        it("b", function() run.answer { users = ok {} } end)]],
    }
    local code, out = gateway.run("test", dir)
    assert.equal(1, code)
    has(out, "GET /me was driven for another test: drive it in this one, or in before_each")
    has(out, "1 passed, 1 failed")
  end)

  it("tells of specs that do not load", function()
    local code, out = gateway.run("test", gateway.folder { ["spec/a_spec.lua"] = "it(" })
    assert.equal(1, code)
    has(out, "a_spec.lua:1:")
    has(out, "0 passed, 1 failed")
  end)

  it("lets specs share modules", function()
    local code, out = gateway.run("test", gateway.folder {
      ["lib/sum.lua"] = "return function(a, b) return a + b end",
      ["spec/numbers.lua"] = "return { 1, 2 }",
      ["spec/a_spec.lua"] = [[
        local n = require "spec.numbers"
        it("adds", function() assert.equal(3, require "lib.sum"(n[1], n[2])) end)]],
    })
    assert.equal(0, code, out)
  end)

  it("says in one line why there is nothing to run", function()
    local function fails(...)
      local code, out, err = gateway.run("test", ...)
      assert.equal("", out)
      return { code, err }
    end
    local bare = gateway.folder {}
    assert.same({ 1, ("moongate: %s has no specs: write one such as %s/spec/routes_spec.lua\n"):format(bare, bare) },
      fails(bare))
    local broken = gateway.folder { ["a.lua"] = "gate.get()", ["spec/a_spec.lua"] = "" }
    assert.equal("a.lua:1", fails(broken)[2]:match "^[^:]*:%d*")
    assert.equal(2, fails()[1])
    assert.equal(2, fails("a", "b", "c")[1])
    assert.equal(2, fails("a", "--jsn")[1])
  end)

  it("says which package is missing without busted", function()
    local dir = with { it = "" }
    local code, _, err = process.run({ program, "test", dir }, { env = { LUA_PATH = "/nowhere/?.lua" } })
    assert.same({ 1, "moongate: specs are run by busted, which is not installed: apt-get install lua-busted\n" },
      { code, err })
  end)
end)
