local support = require "lua.support"

describe("the sandbox of routes", function()
  local boot, core, found

  before_each(function()
    boot, core = support.fresh()
    package.loaded["moongate.run"].left = function(value)
      found = value
    end
    boot.config("return {}", "gateway.lua", os.getenv)
  end)

  after_each(support.restore)

  -- What a chunk of a route file returns; nil and the problems if it raises.
  local function run(text)
    found = nil
    local chunk = [[local gate = require "moongate"
gate.get("/", function() gate.left((function() ]] .. text .. [[ end)()) end)]]
    local _, problems = boot.routes { { name = "a.lua", text = chunk } }
    assert.same({}, support.printed(problems))
    local ok, why = pcall(boot.functions[#boot.functions])
    return found, not ok and why or nil
  end

  it("has what plain Lua code needs", function()
    assert.equal("3,2,1 ABC 255 true", run [[
      local t = { 1, 2, 3 }
      table.sort(t, function(a, b) return a > b end)
      return ("%s %s %d %s"):format(table.concat(t, ","), ("abc"):upper(), bit.bor(0xf0, 0x0f),
        tostring(math.floor(2.5) == 2 and os.time() > 0 and select("#", unpack(t)) == 3
          and pcall(error, "x") == false))]])
  end)

  it("has nothing that reaches out of it", function()
    for _, name in ipairs { "coroutine", "io", "debug", "ffi", "load", "loadstring", "loadfile", "dofile",
                            "getfenv", "setfenv", "newproxy", "collectgarbage", "package", "jit", "module",
                            "gcinfo", "arg", "string.dump", "os.execute", "os.exit", "os.getenv",
                            "os.remove", "os.rename", "os.tmpname", "os.setlocale" } do
      assert.is_nil((run("return " .. name)), name)
    end
  end)

  it("refuses every way of writing a global", function()
    for _, text in ipairs { "x = 1", "function f() end", "_G.x = 1", "_G['y'] = 1", "string.x = 1",
                            "math.pi = 3", "_G.string = 1", "rawset(_G, 'x', 1)", "rawset(string, 'x', 1)",
                            "require 'moongate'.x = 1", "require 'moongate'.json.encode = 1",
                            "setmetatable(_G, {})", "setmetatable(string, {})", "setmetatable('', {})" } do
      local _, why = run(text)
      assert.is_string(why, text)
      assert.equal("a.lua:2:", why:match("^a%.lua:2:"), why)
    end
    assert.is_nil((run "return x or y or f"))
    local _, why = run "counter = 1"
    assert.truthy(why:find("writing a global is an error: say local counter", 1, true))
  end)

  it("keeps metatables of its own out of reach", function()
    assert.is_false((run "return getmetatable('')"))
    assert.is_false((run "return getmetatable(_G)"))
    assert.is_false((run "return getmetatable(require 'moongate')"))
    assert.equal("mine", (run "return setmetatable({}, { __index = { x = 'mine' } }).x"))
  end)

  it("builds no text over limits.text in one call", function()
    boot.config("return { limits = { text = '1MiB' } }", "gateway.lua", os.getenv)
    assert.equal(1048576, (run "return #('x'):rep(1048576)"))
    assert.equal(1048574, (run "return #('%s'):format(('x'):rep(1048574))"))
    local _, wrong = run "return ('%s'):format(setmetatable({}, { __tostring = function() return {} end }))"
    assert.matches("a.lua:2: string.format: __tostring returned a table", wrong)
    assert.equal("nil,a b,7", (run "return ('%s,%s,%d'):format(nil, setmetatable({}, { __tostring = function() return 'a b' end }), 7)"))
    assert.equal([["a\0"]], (run [[return ('%q'):format('a\0')]]))
    assert.equal(1000002, (run "return #('%%q%s'):format(('x'):rep(1000000))")) -- "%%q" quotes nothing
    assert.equal(1048576, (run "return #table.concat({ ('x'):rep(1048574), 'y' }, '-')"))
    assert.equal(1048576, (run "return #(('x'):rep(1024):gsub('x', ('y'):rep(1024)))"))
    for _, text in ipairs { "('x'):rep(1048577)", "string.rep('ab', 1e9)", "('x'):rep(10, ('y'):rep(1e6))",
                            "('%s%s'):format(('x'):rep(6e5), ('x'):rep(6e5))",
                            "('%q'):format(('\\0'):rep(3e5))", "('%-9q'):format(('x'):rep(1e6))", "('%%%q'):format(('x'):rep(1e6))",
                            "('%s%s'):format(('x'):rep(6e5), setmetatable({}, { __tostring = function() return ('x'):rep(6e5) end }))",
                            "table.concat({ ('x'):rep(1048574), 'y' }, '--')",
                            "table.concat({ 1, 2, 3 }, ('x'):rep(6e5))",
                            "('x'):rep(1025):gsub('x', ('y'):rep(1024))",
                            "('x'):rep(1025):gsub('', ('y'):rep(1024))",
                            "('x'):rep(1025):gsub('x', function() return ('y'):rep(1024) end)",
                            "('x'):rep(1025):gsub('x', { x = ('y'):rep(1024) })" } do
      local _, why = run("return " .. text)
      assert.truthy(why and why:find("longer than 1", 1, true), text .. tostring(why))
      assert.equal("a.lua:2:", why:match("^a%.lua:2:"), why)
    end
  end)

  it("writes dates by formats of a sane length", function()
    assert.equal("1970-01-01", (run "return os.date('!%Y-%m-%d', 0)"))
    assert.equal(1970, (run "return os.date('!*t', 0).year"))
    assert.equal(1024, (run "return #os.date(('x'):rep(1024))"))
    local _, why = run "return os.date(('%c'):rep(513))"
    assert.equal("a.lua:2: os.date: the format is longer than 1KiB", why)
  end)

  it("loads a module once, in the same sandbox", function()
    core.sources = {
      ["lib/a.lua"] = "print 'loaded a' return { b = require 'lib.b', n = 1 }",
      ["lib/b.lua"] = "print('loaded', 'b') return io == nil",
      ["lib/c/init.lua"] = "return 'c'",
    }
    assert.is_true((run [[
      return require "lib.a" == require "lib.a" and require "lib.a".b and require "lib.c" == "c"]]))
    assert.same({ "loaded a", "loaded\tb" }, core.logged)
  end)

  it("names the module that is not there, and the nearest", function()
    core.sources = { ["lib/prices.lua"] = "return 1" }
    local _, why = run 'return require "lib.prces"'
    assert.equal('a.lua:2: no module "lib.prces": there is no lib/prces.lua: did you mean "lib.prices"?', why)
    for _, name in ipairs { "../x", "/etc/passwd", "a..b", "", "lib/prices", "moongate.run" } do
      _, why = run(("return require %q"):format(name))
      assert.is_string(why, name)
    end
  end)

  it("loads a module that failed anew", function()
    core.sources = { ["lib/a.lua"] = "error 'once'" }
    assert.truthy(select(2, run 'require "lib.a"'):find("lib/a.lua:1: once", 1, true))
    core.sources["lib/a.lua"] = "return 7"
    assert.equal(7, (run 'return require "lib.a"'))
  end)

  it("says why a global is missing", function()
    local sandbox = require "moongate.sandbox"
    local _, why = run "return coroutine.create(function() end)"
    assert.truthy(sandbox.explain(why):find("routes have no coroutine: the gateway runs functions", 1, true))
    _, why = run "return os.getenv 'HOME'"
    assert.truthy(sandbox.explain(why):find("the environment is read in gateway.lua", 1, true))
  end)
end)
