-- Known ways out of a sandbox for Lua, each tried by a route of the real gateway: a function that
-- returns true has got out. And what requests leave behind for each other: nothing.
local gateway = require "support.gateway"

local ESCAPES = {
  -- Code that was not loaded from a file, and bytecode, which nothing verifies.
  { "load", "return load('return 1') ~= nil" },
  { "loadstring", "return loadstring('return 1') ~= nil" },
  { "loadfile", "return loadfile('/etc/passwd') ~= nil or true" },
  { "dofile", "dofile('/dev/null') return true" },
  { "bytecode", "return loadstring(string.dump(function() end)) ~= nil" },
  { "string.dump", "return type(string.dump(function() end)) == 'string'" },
  { "dump by method", "return (('').dump)(function() end) ~= nil" },
  -- Libraries.
  { "io", "return io.open('/etc/passwd') ~= nil" },
  { "io by require", "return require('io').open('/etc/passwd') ~= nil" },
  { "os.execute", "return os.execute('true') ~= nil" },
  { "os.exit", "os.exit(0) return true" },
  { "os.getenv", "return os.getenv('PATH') ~= nil" },
  { "os.remove", "return type(os.remove) == 'function'" },
  { "os.rename", "return type(os.rename) == 'function'" },
  { "os.tmpname", "return os.tmpname() ~= nil" },
  { "os.setlocale", "return os.setlocale('C') ~= nil" },
  { "debug", "return debug.getregistry() ~= nil" },
  { "debug by require", "return require('debug').getregistry() ~= nil" },
  { "ffi", "return ffi.C ~= nil" },
  { "ffi by require", "return require('ffi').cdef ~= nil" },
  { "jit", "jit.on() return true" },
  { "jit by require", "return require('jit').version ~= nil" },
  { "jit.util", "return require('jit.util').funcinfo ~= nil" },
  { "table.new", "return require('table.new') ~= nil" },
  { "package.loadlib", "return package.loadlib('libc.so.6', '*') ~= nil" },
  { "package.loaded", "return package.loaded.io ~= nil" },
  { "package.preload", "return package.preload ~= nil" },
  { "package.path", "package.path = '/tmp/?.lua' return true" },
  { "module", "module('x') return true" },
  -- The library of the gateway.
  { "core", "return require('moongate.core') ~= nil" },
  { "sandbox", "return require('moongate.sandbox') ~= nil" },
  { "file above", "return require('../gateway') ~= nil or true" },
  { "absolute file", "return require('/etc/passwd') ~= nil or true" },
  { "two dots", "return require('lib..secret') ~= nil or true" },
  -- Environments.
  { "getfenv", "return getfenv(0) ~= nil" },
  { "setfenv", "setfenv(1, {}) return true" },
  { "getfenv of a builtin", "return getfenv(print).io ~= nil" },
  { "_G", "_G.leaked = 1 return true" },
  { "rawset of _G", "rawset(_G, 'leaked', 1) return true" },
  { "global", "leaked = 1 return true" },
  { "global function", "function leaked() end return true" },
  { "next into _G", "local key = next(_G) return key ~= nil and key ~= '_G'" },
  { "pairs of string", "for key in pairs(string) do string[key] = nil end return string.rep == nil" },
  -- Metatables.
  { "metatable of strings", "getmetatable('').__index = nil return true" },
  { "index of strings", "return type(getmetatable('')) == 'table'" },
  { "metatable of _G", "return type(getmetatable(_G)) == 'table'" },
  { "setmetatable of _G", "setmetatable(_G, {}) return true" },
  { "setmetatable of a string", "setmetatable('', {}) return true" },
  { "metatable of gate", "return type(getmetatable(gate)) == 'table'" },
  { "metatable of the request", "return type(getmetatable(req)) == 'table'" },
  { "metatable of null", "return type(getmetatable(gate.null)) == 'table'" },
  { "string.rep replaced", "string.rep = 1 return true" },
  { "rawset of string", "rawset(string, 'rep', 1) return true" },
  { "insert into string", "table.insert(string, 1) return #string > 0" },
  { "sort of gate", "table.sort(gate) gate.get = 1 return true" },
  { "gate replaced", "gate.json.encode = 1 return true" },
  { "rawset of gate", "rawset(gate, 'get', 1) return true" },
  { "finalizer", "setmetatable({}, { __gc = function() escaped = 1 end }) return false" },
  { "newproxy", "return newproxy(true) ~= nil" },
  -- Coroutines: the gateway's own yields are how a function waits.
  { "coroutine", "return coroutine.create(function() end) ~= nil" },
  { "yield", "coroutine.yield('over') return true" },
  { "wrap", "coroutine.wrap(function() end)() return true" },
  -- The collector, hooks, counts.
  { "collectgarbage", "collectgarbage('stop') return true" },
  { "gcinfo", "return gcinfo() > 0" },
  { "sethook", "debug.sethook() return true" },
  -- Functions of C with what they do not expect.
  { "forged future", "return gate.all { x = { id = 0 } } ~= nil" },
  { "forged call", "return gate.all { x = setmetatable({ kind = 'file', path = '/etc/passwd' }, getmetatable(gate.value(1))) } ~= nil" },
  { "format with %p", "return tonumber((('%p'):format(print):gsub('0x', '')), 16) > 0 and false" },
  { "unpack without end", "return select('#', unpack({}, 1, 1e8)) > 0" },
  { "rep without end", "return #('x'):rep(1e10) > 0" },
  { "error with a level", "error('x', 1e9) return true" },
  { "handler", "return (select(2, xpcall(error, function() return debug ~= nil end)))" },
  { "tostring of a function", "local t = setmetatable({}, { __tostring = function() return {} end }) return tostring(t) == t" },
}

describe("the sandbox", function()
  local g

  setup(function()
    local lines = { 'local gate = require "moongate"', "local tried = {}" }
    for i, escape in ipairs(ESCAPES) do
      lines[#lines + 1] = ("tried[%d] = function(req) %s end"):format(i, escape[2])
    end
    lines[#lines + 1] = [[
      gate.get("/try/{n}", function(req)
        local ok, got = pcall(tried[tonumber(req.params.n)], req)
        return { ok = ok, got = tostring(got) }
      end)
      gate.get("/fine", function()
        return { ("x"):rep(3), string.format("%d", 7), leaked == nil, type(gate.json.encode), #tostring(print) > 0 }
      end)
      gate.get("/write/{name}", function(req)
        local kept = rawget(_G, req.params.name)
        pcall(function() _G[req.params.name] = req.params.name end)
        pcall(function() written = (written or 0) + 1 end)
        pcall(rawset, _G, req.params.name, 1)
        pcall(function() string[req.params.name] = 1 end)
        pcall(function() gate[req.params.name] = 1 end)
        pcall(function() getmetatable(req)[req.params.name] = 1 end)
        req.context.seen = (req.context.seen or 0) + 1
        return { kept == nil and written == nil and ("")[req.params.name] == nil, req.context.seen }
      end)]]
    g = gateway.start({ ["gateway.lua"] = {}, ["routes.lua"] = table.concat(lines, "\n"),
      ["secret.lua"] = "return { 'secret' }" }, { workers = 1 })
  end)
  teardown(gateway.clean)

  it("has no way out among those that are known", function()
    assert.is_true(#ESCAPES >= 40)
    local out = {}
    for i, escape in ipairs(ESCAPES) do
      local reply = g:get("/try/" .. i):json()
      if reply.got == "true" then
        out[#out + 1] = escape[1]
      end
    end
    assert.same({}, out)
    assert.same({ "xxx", "7", true, "function", true }, g:get("/fine"):json())
  end)

  it("keeps nothing of a thousand requests that write", function()
    local c, seen = g:connect(), 0
    for i = 1, 1000 do
      local reply = assert(c:ask("/write/name" .. i % 10))
      if reply.body ~= "[true,1]" then
        seen = seen + 1
      end
    end
    c:close()
    assert.equal(0, seen)
  end)
end)
