local support = require "lua.support"

describe("loading a gateway", function()
  local boot, core

  before_each(function()
    boot, core = support.fresh()
  end)

  after_each(support.restore)

  local function config(text)
    local _, problems = boot.config(text or "return {}", "gateway.lua", os.getenv)
    return problems
  end

  local function routes(files)
    local list = {}
    for name, text in pairs(files) do
      list[#list + 1] = { name = name, text = text }
    end
    table.sort(list, function(a, b) return a.name < b.name end)
    return boot.routes(list)
  end

  local function problems(files)
    local found, wrong = routes(files)
    assert.is_nil(found)
    return support.printed(wrong)
  end

  it("finds what is wrong in all files", function()
    config()
    core.sources = { ["lib/m.lua"] = "error 'oh'" }
    assert.same({
      "a.lua:1: unexpected symbol near '='",
      "b.lua:2: attempt to index local 'x' (a nil value)",
      "c.lua:1: writing a global is an error: say local y",
      "lib/m.lua:1: oh",
      "sub/e.lua:1: there is no gate.rout: did you mean gate.route?",
    }, problems {
      ["a.lua"] = "local x = =", ["b.lua"] = "local x\nx.y = 1", ["c.lua"] = "y = 1",
      ["d.lua"] = "require 'lib.m'", ["sub/e.lua"] = "require 'moongate'.rout()",
    })
  end)

  it("tells what is wrong from what is not built yet", function()
    local wrong = config [[return { admin = "x", adminn = "x", listen = "unix:" }]]
    local categories = {}
    for _, problem in ipairs(wrong) do
      categories[problem.message:match('"(.-)"')] = problem.category
    end
    assert.same({ admin = "not yet", adminn = "error", ["unix:"] = "error" }, categories)
    local _, found = routes { ["a.lua"] = "require 'moongate'.get('/', { rate = 1, rat = 1, reply = 1 })" }
    assert.same({ "error", "not yet" }, { found[2].category, found[1].category })
  end)

  it("says each thing once", function()
    config()
    assert.equal(1, #problems {
      ["a.lua"] = "local g = require 'moongate' for _ = 1, 9 do g.get('/', {}) end",
    })
  end)

  it("knows the backends of a gateway.lua that is wrong elsewhere", function()
    config [[return { listen = 3, services = { users = "nonsense" } }]]
    assert.same({ 'a.lua:1: no service "usres" in gateway.lua: did you mean "users"?' }, problems {
      ["a.lua"] = "require 'moongate'.service 'usres'",
      ["b.lua"] = "require 'moongate'.service 'users'",
    })
  end)

  it("does not guess at backends when gateway.lua cannot be read", function()
    assert.equal(1, #config "return {")
    assert.same({}, (routes { ["a.lua"] = "require 'moongate'.service 'users'" }))
  end)

  it("names the place of what is raised, whatever it is", function()
    config()
    for text, message in pairs {
      ["\nerror 'text'"] = "a.lua:2: text",
      ["\nerror('text', 0)"] = "a.lua:2: text",
      ["\nerror({ title = 'gone', detail = 'no longer here' })"] = "a.lua:2: no longer here",
      ["\nerror(setmetatable({}, { __tostring = error, __index = error }))"] = "a.lua:2: an error that is a table",
      ["\nerror()"] = "a.lua:2: nil",
      ["\nlocal function f() end g()"] = "a.lua:2: attempt to call global 'g' (a nil value)",
      ["\nlocal function f() return 1 + f() end f()"] = "a.lua:2: stack overflow",
      ["\nstring.rep()"] = "a.lua:2: bad argument #1 to 'rep' (string expected, got nil)",
      ["\n('x'):rep({})"] = "a.lua:2: bad argument",
    } do
      local found = problems { ["a.lua"] = text }
      assert.equal(1, #found)
      assert.equal(message, found[1]:sub(1, #message))
      assert.falsy(found[1]:find("moongate/", 1, true), found[1])
    end
  end)

  it("names the file in full where Lua would shorten it", function()
    config()
    local name = ("folder/"):rep(12) .. "a.lua"
    assert.equal(name .. ":2: ", problems({ [name] = "\nlocal x = = 1" })[1]:match("^.-:%d+: "))
    assert.equal(name .. ":3: ", problems({ [name] = "\n\nlocal x = nil + 1" })[1]:match("^.-:%d+: "))
    assert.equal(name .. ":2: ", problems({ [name] = "\nx = 1" })[1]:match("^.-:%d+: "))
  end)

  it("loads text only, no bytecode", function()
    config()
    assert.equal(1, #problems { ["a.lua"] = string.dump(function() end) })
    assert.equal(1, #config(string.dump(function() return {} end)))
  end)

  it("traces keys to lines for those who check further", function()
    config()
    routes { ["a.lua"] = "local g = require 'moongate'\ng.get('/', {\n  reply = {\n    x = '{y}',\n  },\n})" }
    assert.equal(4, boot.locate("a.lua", 2, "reply.x"))
    assert.equal(3, boot.locate("a.lua", 2, "reply.z"))
    assert.equal(2, boot.locate("a.lua", 2, "calls"))
    assert.equal(7, boot.locate("unknown.lua", 7, "reply.x"))
  end)

  it("waits for nothing", function()
    config [[return { services = { users = "http://a" } }]]
    local text = "local g = require 'moongate' local u = g.service 'users' local x = %s"
    for what, code in pairs {
      ["call:wait()"] = "u:get '/':wait()", ["call:start()"] = "u:get '/':start()", ["gate.all"] = "g.all {}",
      ["gate.sleep"] = "g.sleep '1s'", ["gate.left"] = "g.left()",
    } do
      assert.same({ ("a.lua:1: %s is for running functions: while files load nothing is run"):format(what) },
        problems { ["a.lua"] = text:format(code) })
    end
  end)

  it("takes any gateway.lua without a fault of its own", function()
    local values = { "nil", "true", "0/0", "'x'", "{}", "{ 1 }", "{ x = 1 }", "{ x = {} }", "env", "1.5",
      "-1", "1e300", "'\\0'", "{ { {} } }", "{ url = 1 }", "{ x = { url = {} } }", "{ [true] = 1, [1.5] = 2 }",
      "{ x = { url = 'sqlite:' } }", "{ x = { url = { 1, x = 2 } } }", "('x'):rep(1e6)", "('x'):rep(1e7)" }
    local places = { "return %s", "return { listen = %s }", "return { workers = %s }", "return { services = %s }",
      "return { services = { a = %s } }", "return { services = { a = { url = 'http://a', headers = %s } } }",
      "return { databases = %s }", "return { databases = { a = %s } }", "return { files = %s }",
      "return { files = { a = %s } }", "return { limits = %s }", "return { limits = { body = %s } }",
      "return { limits = { headers = %s } }", "return { trusted = %s }", "return { [%s] = 1 }", "error(%s)",
      "return env(%s)", "return env('X', %s)" }
    for _, place in ipairs(places) do
      for _, value in ipairs(values) do
        local text = place:gsub("%%s", function() return value end)
        for _, problem in ipairs(config(text) or {}) do
          assert.equal("gateway.lua", problem.file)
          assert.falsy(problem.message:find("moongate/", 1, true), text .. "\n" .. problem.message)
          assert.is_true(#problem.message < 600, text:sub(1, 80))
        end
      end
    end
  end)
end)
