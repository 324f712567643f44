-- Functions that would run for ever: each is ended with its request, whatever it does to go on, and
-- its worker serves the others.
local gateway = require "support.gateway"
local problem = require "support.problem"
local wait = require "support.wait"

local ROUTES = [=[
local gate = require "moongate"
local function spin() while true do end end

gate.get("/fine", function() return { "fine" } end)
gate.get("/loop", function() while true do end end)
gate.get("/for", function() for i = 1, math.huge do local _ = i end end)
gate.get("/goto", function() ::again:: goto again end)
gate.get("/pcall", function() while true do pcall(spin) end end)
gate.get("/pcalls", function()
  local function nest(n) while true do pcall(n > 0 and nest or spin, n - 1) end end
  nest(100)
end)
gate.get("/xpcall", function() while true do xpcall(error, spin) end end)
gate.get("/handler", function() while true do xpcall(spin, spin) end end)
gate.get("/recursion", function()
  local function f() pcall(f) pcall(f) end
  while true do f() end
end)
gate.get("/tail", function() local function f() return f() end return f() end)
gate.get("/sort", function() while true do pcall(table.sort, { 1, 2, 3 }, spin) end end)
gate.get("/sort-handler", function() table.sort({ 1, 2, 3 }, function() xpcall(spin, spin) end) end)
gate.get("/gsub", function() while true do pcall(string.gsub, "abc", ".", spin) end end)
gate.get("/metamethod", function()
  local t = setmetatable({}, { __index = spin, __tostring = spin, __call = spin, __eq = spin, __concat = spin })
  while true do pcall(function() return t.x end) pcall(tostring, t) pcall(t) pcall(function() return t .. "" end) end
end)
gate.get("/gc", function()
  for _ = 1, 1000 do setmetatable({}, { __gc = spin }) end
  while true do local _ = {} end
end)
gate.get("/iterator", function() for _ in function() return 1 end do end end)
gate.get("/pattern", function() while true do pcall(string.find, ("a"):rep(1000), ".-b") end end)
gate.get("/match", function() return { (("a"):rep(100000):find ".-.-.-b") } end)
gate.get("/gmatch", function() for _ in ("a"):rep(100000):gmatch ".-.-b" do end end)
gate.get("/gsub-pattern", function() return { (("a"):rep(100000):gsub("a-a-b", "")) } end)
gate.get("/find-pcall", function() while true do pcall(string.match, ("a"):rep(100000), "(.-)(.-)(.-)b") end end)
gate.get("/set", function() return { (("b"):rep(1e6):find("[^" .. ("a"):rep(1e6) .. "]*c")) } end)
gate.get("/sets", function() return { (("b"):rep(1e6):gsub("[" .. ("a"):rep(1e6) .. "]", "")) } end)
gate.get("/frontier", function() return { (("b"):rep(1e6):find("%f[" .. ("a"):rep(1e6) .. "]")) } end)
gate.get("/template", function() return { (("a"):rep(1e5):gsub("(x*)", ("%1"):rep(5e5))) } end)
gate.get("/nested", function() local function f() return (("x"):gsub("x", f)) end return { f() } end)
gate.get("/nested-index", function()
  local t = {}
  setmetatable(t, { __index = function() return (("x"):gsub("x", t)) end })
  return { (("x"):gsub("x", t)) }
end)
gate.post("/digits", { limits = { script = "LARGEms" }, reply = function(req)
  return { #req.text:match "%d+", (req.text:gsub("%d", "")) }
end })
gate.get("/raises", function() while true do pcall(error, setmetatable({}, { __tostring = spin })) end end)
gate.get("/encode", function() while true do pcall(gate.json.encode, { 1, 2, 3 }) end end)
gate.get("/sort-texts", function()
  local list, same = {}, ("x"):rep(1000000)
  for i = 1, 7 do list[i] = same .. i end
  for i = 8, 20000 do list[i] = list[i * 7919 % 7 + 1] end
  table.sort(list)
  return { "sorted" }
end)
gate.get("/encode-shared", function()
  local list = {}
  for _ = 1, 40 do list = { list, list } end
  return { #gate.json.encode(list) }
end)
gate.get("/encode-reply", function()
  local list = {}
  for _ = 1, 40 do list = { list, list } end
  return list
end)
gate.get("/decode", { limits = { memory = "1GiB" }, reply = function()
  return { #gate.json.decode("[" .. ("[],"):rep(2700000) .. "1]") }
end })
gate.get("/print", { limits = { script = "LARGEms" }, reply = function()
  local parts, long = {}, ("x"):rep(8000000)
  for i = 1, 200 do parts[i] = long end
  print("long", unpack(parts))
  return { "printed" }
end })
gate.get("/module", function() return require "lib.endless" end)
gate.get("/update", function() gate.shared "x":update("k", spin) end)
gate.get("/before", { before = spin, reply = { 1 } })
gate.get("/after", { reply = { 1 }, after = spin })
gate.get("/when", { calls = { it = gate.value(1, { when = function() return spin() end }) }, reply = { 1 } })
gate.get("/finally", function() gate.finally(spin) gate.finally(spin) return { "finally" } end)
gate.get("/after-too", { reply = spin, after = function(_, reply) reply.headers["X-After"] = "yes" end })
gate.get("/slices", function() while true do gate.sleep "1ms" for _ = 1, 300000 do end end end)

gate.get("/waits", function() gate.sleep "1ms" return { "waited" } end)
gate.get("/changes", function() gate.shared "x":update("k", function() return 1 end) gate.sleep "1ms" return { "changed" } end)
local function work(seconds) local till = os.clock() + seconds while os.clock() < till do end end
gate.get("/more", { limits = { script = "10s" }, reply = function() work(0.1) return { "more" } end })
gate.get("/slow", { limits = { script = "200ms" }, reply = function() work(0.05) return { "slow" } end })
gate.get("/tiny/{n}", { limits = { script = "10ms" }, reply = function(req)
  if req.params.n == "0" then spin() elseif req.params.n == "1" then while true do pcall(spin) end end
  while true do pcall(string.gsub, "abc", ".", spin) end
end })
]=]

ROUTES = ROUTES:gsub("LARGE", 30 * wait.slack)

local FORMS = { "loop", "for", "goto", "pcall", "pcalls", "xpcall", "handler", "recursion", "tail", "sort",
  "sort-handler", "gsub", "metamethod", "gc", "iterator", "pattern", "match", "gmatch", "gsub-pattern", "find-pcall", "raises", "encode",
  "sort-texts", "encode-shared", "encode-reply", "decode", "set", "sets", "frontier", "template", "module", "update",
  "before", "after", "when", "slices" }

local function check_ended(reply)
  assert.equal("the route's script took too long", problem.check(reply, 500).detail)
end

describe("a function that would run for ever", function()
  local g

  setup(function()
    g = gateway.start({
      ["gateway.lua"] = { limits = { script = "30ms", slice = "20ms" } },
      ["routes.lua"] = ROUTES, ["lib/endless.lua"] = "while true do end",
    }, { workers = 1 })
  end)
  teardown(gateway.clean)

  for _, form in ipairs(FORMS) do
    it("is ended: " .. form, function()
      check_ended(g:get("/" .. form))
      assert.same({ "fine" }, g:get("/fine"):json())
    end)
  end

  it("leaves a line in the log that says where it was", function()
    check_ended(g:get "/loop")
    local found = wait.till(function()
      return g:log():match "GET /loop %(request [%w-]+%): (routes%.lua:5: .-)\n"
    end)
    assert.equal("routes.lua:5: its functions have used more than 30ms of CPU time (limits.script)", found)
    check_ended(g:get "/module")
    assert(wait.till(function() return g:log():find("lib/endless.lua:1: its functions", 1, true) end))
  end)

  it("leaves nothing half done behind", function()
    for _ = 1, 3 do
      check_ended(g:get "/module")
      assert.same({ "waited" }, g:get("/waits"):json())
      check_ended(g:get "/update")
      assert.same({ "changed" }, g:get("/changes"):json())
    end
  end)

  -- Time that a host takes away counts as CPU time: what was ended for it is asked again.
  local function granted(method, path, options)
    local reply
    wait.till(function()
      reply = g[method](g, path, options)
      return reply.status == 200
    end, 10000)
    return reply:json()
  end

  it("is not one that matches a large body", function()
    assert.same({ 65536, "" }, granted("post", "/digits", { body = ("1"):rep(65536) }))
  end)

  it("is not one that prints more than the log takes", function()
    assert.same({ "printed" }, granted("get", "/print"))
    assert(wait.till(function() return g:log():find("long\\x09xxx", 1, true) or g:log():find("long\txxx", 1, true) end))
  end)

  it("cannot exhaust the stack of C", function()
    for _ = 1, 3 do
      assert.equal(500, g:get("/nested").status)
      assert.equal(500, g:get("/nested-index").status)
    end
    for _, path in ipairs { "/nested ", "/nested%-index " } do
      assert(wait.till(function() return g:log():find(path .. "[^\n]*stack overflow") end))
    end
    assert.same({ "fine" }, g:get("/fine"):json())
  end)

  it("has no more time after the reply, each time anew", function()
    assert.same({ "finally" }, g:get("/finally"):json())
    assert(wait.till(function()
      local _, told = g:log():gsub("gate.finally: routes.lua:2: its functions have used more than 30ms", "")
      return told == 2
    end))
  end)

  it("still has its functions `after` run", function()
    local reply = g:get "/after-too"
    check_ended(reply)
    assert.equal("yes", reply.headers["x-after"])
  end)

  it("has a budget of its own, also on a coroutine that was used before", function()
    for _ = 1, 3 do
      assert.same({ "slow" }, granted("get", "/slow"))
    end
    local told
    wait.till(function()
      told = select(2, g:log():gsub("GET /slow %(request [%w-]+%): routes%.lua:%d+: it has held its worker for", ""))
      return told > 0
    end)
    assert.equal(1, told) -- once a minute
    assert.is_nil(g:log():find("/fine", 1, true))
  end)

  it("may have more, if its route says so", function()
    check_ended(g:get "/loop")
    local before = g:cpu()
    assert.same({ "more" }, g:get("/more"):json())
    assert(g:cpu() - before >= 90)
  end)

  it("keeps nobody from being answered, over and over", function()
    local repeats, served = 0, 0
    wait.at_once(3, function(i)
      local c = g:connect()
      for n = 1, i == 1 and 60 or 150 do
        if i == 1 then
          assert.equal(500, assert(c:ask("/tiny/" .. n % 3)).status)
          repeats = repeats + 1
        else
          assert.equal(200, assert(c:ask "/fine").status)
          served = served + 1
        end
      end
      c:close()
    end)
    assert.same({ 60, 300 }, { repeats, served })
    assert.is_nil(g:log():find("panic", 1, true))
  end)
end)

describe("a function of gate.every that would run for ever", function()
  teardown(gateway.clean)

  it("is ended, each time", function()
    local g = gateway.start({ ["gateway.lua"] = { limits = { script = "30ms" } }, ["routes.lua"] = [[
      local gate = require "moongate"
      gate.every("200ms", "spin", function() while true do pcall(error) end end)
      gate.get("/", { reply = { 1 } })]] }, { workers = 1 })
    assert(wait.till(function()
      local _, told = g:log():gsub("routes.lua:2: its functions have used more than 30ms of CPU time", "")
      return told >= 2
    end, 5000))
    assert.same({ 1 }, g:get("/"):json())
  end)
end)

describe("a file that would load for ever", function()
  after_each(gateway.clean)
  local endless = 'local gate = require "moongate"\ngate.get("/", { reply = { 1 } })\nwhile true do end\n'
  local said = "routes.lua:3: still loading after 50ms of CPU time (limits.load)"

  it("is an error at the start", function()
    local code, text = gateway.check { ["gateway.lua"] = { limits = { load = "50ms" } }, ["routes.lua"] = endless }
    assert.equal(1, code)
    assert.truthy(text:find(said, 1, true), text)
  end)

  it("is an error in a module, too, whatever catches it", function()
    local code, text = gateway.check { ["gateway.lua"] = { limits = { load = "50ms" } },
      ["routes.lua"] = 'pcall(require, "lib.x")', ["lib/x.lua"] = "\n\nrepeat until false" }
    assert.equal(1, code)
    assert.truthy(text:find("lib/x.lua:3: still loading after 50ms", 1, true), text)
  end)

  it("leaves the old routes serving when it comes later, and stops neither them nor the end", function()
    local g = gateway.start { ["gateway.lua"] = { limits = { load = "200ms" } },
      ["routes.lua"] = 'local gate = require "moongate"\ngate.get("/", { reply = { 7 } })' }
    g:write { ["routes.lua"] = endless }
    assert(wait.till(function() return g:log():find(said:gsub("50ms", "200ms"), 1, true) end, 10000))
    assert.same({ 7 }, g:get("/"):json())
    g:write { ["routes.lua"] = 'local gate = require "moongate"\ngate.get("/", { reply = { 8 } })' }
    assert(wait.till(function() return g:get("/").body == "[8]" end, 10000))
    g:write { ["routes.lua"] = endless }
    g:stop() -- while it loads
  end)
end)
