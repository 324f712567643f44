-- Functions that would fill the memory: each is ended with its request, what it held is given back,
-- and its worker serves the others.
local gateway = require "support.gateway"
local http = require "support.http"
local problem = require "support.problem"
local wait = require "support.wait"

local ROUTES = [=[
local gate = require "moongate"
local function forever(step) return function() local held = {} for i = 1, math.huge do step(held, i) end end end

gate.get("/fine", function() return { "fine" } end)
gate.get("/rep", forever(function(held, i) held[i] = ("x"):rep(1000000 + i) end))
gate.get("/concat", function() local s = "x" while true do s = s .. s end end)
gate.get("/join", forever(function(held, i)
  local parts = {} for k = 1, 10 do parts[k] = ("x"):rep(90000 + i) end held[i] = table.concat(parts)
end))
gate.get("/table", forever(function(held, i) held[i] = i end))
gate.get("/tables", forever(function(held, i) held[i] = {} end))
gate.get("/keys", forever(function(held, i) held["key" .. i] = true end))
gate.get("/gsub", forever(function(held, i) held[i] = (("x"):rep(1000) .. i):gsub("x", ("y"):rep(500)) end))
gate.get("/format", forever(function(held, i) held[i] = ("%s %99.99f"):format(("x"):rep(100000), i) end))
gate.get("/closures", forever(function(held, i) held[i] = function() return held, i end end))
gate.get("/recursion", function() local function f(t) local ok, why = pcall(f, { t }) return ok and why or { t, f({ t }) } end return f {} end)
gate.get("/nest", function() return gate.json.decode(("["):rep(100000) .. ("]"):rep(100000)) end)
gate.get("/unpack", forever(function(held, i) held[i] = { unpack(held, 1, math.min(i - 1, 5000)) } end))
gate.get("/pcall", function()
  local held = {}
  local function fill() while true do held[#held + 1] = { #held } end end
  while true do pcall(fill) end
end)
gate.get("/handler", function()
  local held = {}
  local function fill() while true do held[#held + 1] = { #held } end end
  while true do xpcall(fill, fill) end
end)
gate.get("/sort", forever(function(held)
  pcall(table.sort, { 3, 2, 1 }, function() for _ = 1, 1000 do held[#held + 1] = { #held } end return false end)
end))
gate.get("/before", { before = forever(function(held, i) held[i] = {} end), reply = { 1 } })
gate.get("/after", { reply = { 1 }, after = forever(function(held, i) held[i] = {} end) })

gate.get("/garbage", function() for i = 1, 300 do local _ = ("x"):rep(200000) .. i end return { "garbage" } end)
gate.get("/more", { limits = { memory = "8MiB" }, reply = function() return { #("x"):rep(1000000):rep(1) + #("y"):rep(1000000) } end })
gate.post("/body", { input = { body = { list = "any[]" } }, limits = { body = "2MiB", script = "1m" },
  reply = function(req) return { #req.body.list } end })

local cache, quick = {}, {}
gate.get("/quick", function() for i = 1, 7 do quick[i] = ("x"):rep(1000000) .. i end return { "quick" } end)
gate.get("/cached", function() local n = 0 for _ in pairs(cache) do n = n + 1 end return { n } end)
gate.get("/cache/{key}", function(req)
  cache[req.params.key] = ("x"):rep(400000) .. req.params.key
  return { #cache[req.params.key] }
end)
]=]

local FORMS = { "rep", "concat", "join", "table", "tables", "keys", "gsub", "format", "closures", "unpack", "pcall",
  "handler", "sort", "before", "after" }

describe("a function that would fill the memory", function()
  local g

  setup(function()
    g = gateway.start({
      ["gateway.lua"] = { limits = { memory = "2MiB", state = "12MiB", script = 300 * wait.slack .. "ms" } },
      ["routes.lua"] = ROUTES,
    }, { workers = 1 })
  end)
  teardown(gateway.clean)

  local function check_ended(reply)
    assert.equal("the route's script needs too much memory", problem.check(reply, 500).detail)
  end

  for _, form in ipairs(FORMS) do
    it("is ended: " .. form, function()
      check_ended(g:get("/" .. form))
      assert.same({ "fine" }, g:get("/fine"):json())
    end)
  end

  it("is ended by the depth of what it makes", function()
    assert.equal(500, g:get("/nest").status)
    assert.equal(500, g:get("/recursion").status)
    assert.same({ "fine" }, g:get("/fine"):json())
  end)

  it("is told so when it has come to its end meanwhile", function()
    check_ended(g:get "/quick")
    assert(wait.till(function()
      return g:log():find "GET /quick %(request %w+%): .-its functions have added more than 2048 KiB in one go"
    end))
  end)

  it("leaves a line in the log that says where it was", function()
    check_ended(g:get "/table")
    assert(wait.till(function()
      return g:log():find "GET /table %(request %w+%): routes.lua:%d+: its functions have added more than 2048 KiB"
    end))
  end)

  it("gives back what it held", function()
    if wait.slack > 1 then
      return -- the sanitizers keep what was freed
    end
    for _ = 1, 5 do
      check_ended(g:get "/tables")
    end
    local before = g:rss()
    for _ = 1, 20 do
      check_ended(g:get "/tables")
      check_ended(g:get "/rep")
    end
    assert(g:rss() - before < 16384, ("%d KiB grew to %d"):format(before, g:rss()))
  end)

  it("is not one that makes much garbage, or reads what came", function()
    assert.same({ "garbage" }, g:get("/garbage"):json())
    assert.same({ 2000000 }, g:get("/more"):json())
    local list = ("[1],"):rep(60000) .. "[1]"
    assert.same({ 60001 }, g:post("/body", { body = '{"list":[' .. list .. "]}", headers = { ["content-type"] = "application/json" } }):json())
  end)

  it("may fill its state over many requests: then that is replaced, and no request is lost", function()
    local c, i = g:connect(), 0
    assert(wait.till(function()
      i = i + 1
      local reply = assert(c:ask("/cache/" .. i % 30))
      assert.equal(200, reply.status, reply.body)
      return g:log():find("a Lua state holds more than 12288 KiB (limits.state): it is replaced", 1, true)
    end, 10000))
    c:close()
    assert(wait.till(function() return g:get("/cached").body == "[0]" end, 10000))
    assert.same({ "fine" }, g:get("/fine"):json())
  end)
end)

describe("a state that holds more than twice what it may", function()
  it("takes no requests until it is replaced, which is at once", function()
    local g = gateway.start({ ["gateway.lua"] = { limits = { memory = "64MiB", state = "4MiB", script = "10s" } },
      ["routes.lua"] = [[
        local gate = require "moongate"
        local kept = {}
        gate.get("/fill", function() for i = 1, 20 do kept[i] = ("x"):rep(1000000) .. i end return { #kept } end)
        gate.get("/kept", function() return { #kept } end)
        gate.get("/template", { reply = { 1 } })]] }, { workers = 1 })
    wait.in_time(function() -- it may be replaced before the second is read
      local c = g:connect()
      c:send(http.request "/fill" .. http.request "/kept")
      local filled, kept = c:read(), c:read()
      assert.same({ 1 }, g:get("/template"):json())
      assert(wait.till(function() return g:get("/kept").body == "[0]" end, 10000))
      c:close()
      assert.same({ 20 }, filled:json())
      problem.check(kept, 503)
    end)
  end)
  teardown(gateway.clean)
end)

describe("a file that would fill the memory", function()
  it("is an error", function()
    local code, text = gateway.check { ["gateway.lua"] = { limits = { state = "16MiB" } },
      ["routes.lua"] = "local t = {}\nwhile true do t[#t + 1] = {} end" }
    assert.equal(1, code)
    assert.truthy(text:find("routes.lua:2: loading needs more than 16384 KiB (limits.state)", 1, true), text)
  end)
  teardown(gateway.clean)
end)
