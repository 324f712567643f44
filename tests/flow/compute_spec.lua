-- gate.compute: functions of modules, on threads of their own.
-- Alone: it keeps every processor busy, and looks at how soon others are answered meanwhile.
local gateway = require "support.gateway"
local lfs = require "lfs"
local slurp = require "support.slurp"
local wait = require "support.wait"

local score = [=[
local gate = require "moongate"
local version = "one"
local score = {}

function score.same(...)
  return { n = select("#", ...), list = gate.list { ... } }
end
function score.echo(value) return value end
function score.nothing() end
function score.sum(list)
  local sum = 0
  for _, one in ipairs(list) do sum = sum + one end
  return sum
end
function score.loop(n)
  local began, sum = os.clock(), 0
  for i = 1, n do sum = sum + i % 7 end
  return { sum = sum, seconds = os.clock() - began }
end
-- os.clock is a C function: this loop is interpreted.
function score.burn(seconds, said)
  print("burns " .. tostring(said))
  local till = os.clock() + seconds
  repeat until os.clock() >= till
  return said or version
end
function score.spin()
  while true do end
end
function score.keep()
  while true do pcall(score.burn, 60) end
end
function score.version() return version end
function score.matches() return (("a"):rep(1e5):find ".-.-.-b") end
function score.fills()
  while true do pcall(string.gsub, ("a"):rep(1e5), "x*", ("%0"):rep(5e5)) end
end

local function inner(t) return t.a.b end
function score.raises(t) return inner(t) + 1 end
function score.fails() gate.fail(404, "not here") end
function score.gives_function() return { a = { print } } end
function score.gives_nan() return 0 / 0 end
function score.global() counter = 1 end
function score.sleeps() gate.sleep "1ms" end
function score.calls() return gate.service("api"):get("/x"):wait() end
function score.shares() return gate.shared("hits"):incr "x" end
function score.secret() return gate.crypto.hex(gate.crypto.hmac(gate.secret "key", "x")):sub(1, 8) end
function score.count(t)
  local n, keys = 0, {}
  for key in pairs(t) do n, keys[#keys + 1] = n + 1, key end
  table.sort(keys)
  return { n = n, keys = gate.list(keys), none = next {} == nil, format = ("%d"):format(n) }
end
local kept = {}
function score.keeps()
  local one = { x = 1 }
  while true do
    for key in pairs(one) do kept[#kept + 1] = { key } end
  end
end
function score.kept() return { #kept } end
-- Loops over pairs are interpreted.
function score.hoards()
  local all, one = {}, { x = 1 }
  while true do
    for key in pairs(one) do all[#all + 1] = { key } end
  end
end
return score
]=]

local routes = [=[
local gate = require "moongate"
local score = function(name, options) return gate.compute("lib.score", name, options) end

gate.post("/same", { calls = { it = score("same", { args = { "{body}", "{query.q}", 7, { x = "{body.n}" } } }) }, reply = "{it.body}" })
gate.post("/echo", { calls = { it = score("echo", { args = { "{body}" } }) }, reply = "{it.body}" })
gate.get("/nothing", { calls = { it = score "nothing" } })
gate.post("/chain", { calls = { sum = score("sum", { args = { "{body[].n}" } }),
  twice = score("sum", { args = { { "{sum.body}", "{sum.body}" } } }) } })
gate.post("/each", { calls = { it = gate.each("{body}", score("sum", { args = { { "{each}", 1 } } })) }, reply = "{it.body}" })
gate.post("/run", function(req)
  local got = gate.all { a = score("sum", { args = { req.body } }), b = score("echo", { args = { req.body } }) }
  return { a = got.a.body, b = got.b.body, c = score("count", { args = { { x = 1, y = 2 } } }):wait().body }
end)
gate.get("/optional", { calls = { it = score("raises", { args = { 1 }, optional = true }) } })
gate.get("/fallback", { calls = { it = score("raises", { args = { 1 }, fallback = { score = 0 } }) } })
gate.get("/only/{name}", { reply = function(req)
  return score(req.params.name, { args = { { a = 1 } } }):wait().body
end })
gate.get("/planned", { calls = { it = score("raises", { args = { { a = 1 } } }) } })
gate.get("/loop/{n}", { input = { n = "integer" }, calls = { it = score("loop", { args = { "{n}" } }) }, reply = "{it.body}" })
gate.get("/fast", { reply = { fast = true } })
local loop = require("lib.score").loop
gate.get("/here/{n}", { input = { n = "integer" }, limits = { script = "10s" }, reply = function(req) return loop(req.params.n) end })
gate.get("/burn/{ms}", { input = { ms = "integer", query = { within = "string?", said = "string?" } }, reply = function(req)
  return { it = score("burn", { args = { req.params.ms / 1000, req.query.said }, within = req.query.within }):wait().body }
end })
gate.get("/slow", { within = "10s", calls = { it = score("burn", { args = { 0.8 } }) } })
gate.get("/short", { calls = { it = score("burn", { args = { 60 }, within = "50ms" }) } })
gate.get("/keep", { within = "100ms", calls = { it = score "keep" } })
gate.get("/spin", { within = "100ms", calls = { it = score "spin" } })
gate.get("/matches", { within = "100ms", calls = { it = score "matches" } })
gate.get("/fills", { within = "100ms", calls = { it = score "fills" } })
gate.get("/version", { calls = { it = score "version" }, reply = "{it.body}" })
gate.get("/large", { limits = { result = "1KiB" }, calls = { it = score("echo", { args = { ("x"):rep(2000) } }) } })
]=]

local files = {
  ["gateway.lua"] = 'return { services = { api = "http://127.0.0.1:1" }, secrets = { key = "a-long-key" } }',
  ["routes.lua"] = routes, ["lib/score.lua"] = score,
}

local function start(limits)
  local own = {}
  for name, text in pairs(files) do
    own[name] = text
  end
  if limits then
    own["gateway.lua"] = files["gateway.lua"]:gsub("}%s*$", ", limits = { " .. limits .. " } }")
  end
  return gateway.start(own)
end

-- The threads that compute: a list of their nice values.
local function threads(g)
  local nices = {}
  for id in lfs.dir("/proc/" .. g.pid .. "/task") do
    local stat = id:find "%d" and slurp("/proc/" .. g.pid .. "/task/" .. id .. "/stat")
    local rest = stat and stat:match "%(mg%-compute%) (.*)$"
    if rest then
      local fields = {}
      for field in rest:gmatch "%S+" do
        fields[#fields + 1] = field
      end
      nices[#nices + 1] = tonumber(fields[17]) -- field 19 of all, see proc(5)
    end
  end
  return nices
end

-- The log is written by a thread of its own.
local function logged(g, text, pattern)
  local found = wait.till(function() return g:log():find(text, 1, not pattern) end, 5000)
  assert.is_truthy(found, g:log())
end

describe("gate.compute", function()
  local g

  setup(function()
    g = start('script = "' .. 200 * wait.slack .. 'ms"') -- for what is not compiled, to compare with
  end)
  teardown(gateway.clean)

  local function post(path, json)
    return g:post(path, { headers = { { "Content-Type", "application/json" } }, body = json })
  end

  it("hands values over as JSON has them, there and back", function()
    local body = '{"big":12345678901234567890,"list":[],"n":1.50,"null":null,"text":"\\u00fc"}'
    assert.equal('{"big":12345678901234567890,"list":[],"n":1.5,"null":null,"text":"ü"}', post("/echo", body).body)
    assert.equal('{"list":[{"n":3},"a",7,{"x":3}],"n":4}', post("/same?q=a", '{"n":3}').body)
    assert.equal('{"it":null}', g:get("/nothing").body)
    assert.equal("null", post("/echo", "null").body)
  end)

  it("is a call as all others: in plans, for each element, in functions", function()
    assert.equal('{"sum":6,"twice":12}', post("/chain", '[{"n":1},{"n":2},{"n":3}]').body)
    assert.equal("[2,3,4]", post("/each", "[1,2,3]").body)
    assert.equal('{"a":6,"b":[1,2,3],"c":{"format":"2","keys":["x","y"],"n":2,"none":true}}', post("/run", "[1,2,3]").body)
    local partial = g:get "/optional"
    assert.same({ 200, '{"it":null}', "it=lua" }, { partial.status, partial.body, partial.headers["moongate-partial"] })
    assert.equal('{"it":{"score":0}}', g:get("/fallback").body)
    assert.equal(400, post("/echo", "{").status)
    assert.same({ 502, "too_large" }, { g:get("/large").status, g:get("/large"):json().calls[1].kind })
  end)

  it("tells the log where its module is wrong, and the client nothing of it", function()
    local reply = g:get "/planned"
    assert.same({ 500, "the call it failed: an error in its module", { { kind = "lua", name = "it" } } },
      { reply.status, reply:json().detail, reply:json().calls })
    logged(g, "the call it failed: lib/score.lua:39: attempt to index field 'a' (a number value)")
    logged(g, "(at lib/score.lua:39 in inner, lib/score.lua:40)")
  end)

  local wrong = {
    fails = "404 Not Found: not here", gives_function = "result.a[1]: a function", gives_nan = "result: ",
    global = "lib/score.lua:44: writing a global is an error",
    sleeps = "lib/score.lua:45: gate.sleep: a function that computes has no request and no backends, and cannot wait",
    calls = "lib/score.lua:46: call:wait(): a function that computes has no request",
    shares = "lib/score.lua:47: incr: a function that computes sees no shared data",
    nope = 'lib.score has no function "nope": the functions are ', lop = 'did you mean "loop"?',
  }
  for name, expected in pairs(wrong) do
    it("raises what cannot be: " .. name, function()
      assert.equal(500, g:get("/only/" .. name).status)
      logged(g, expected)
    end)
  end

  it("has the gateway's secrets", function()
    assert.equal("c4ef7b44", g:get("/only/secret").body)
  end)

  it("compiles: a loop takes less than half of the time that it takes in a route", function()
    local best = math.huge
    wait.till(function()
      local there, here = g:get("/loop/3000000"):json(), g:get("/here/3000000"):json()
      assert.equal(here.sum, there.sum)
      best = math.min(best, there.seconds / here.seconds)
      return best < 0.5
    end)
    assert.is_true(best < 0.5, best)
  end)

  it("runs at nice 10, on one thread less than there are processors", function()
    local cores = tonumber(io.popen("nproc"):read "*l")
    local expected, nices = {}, nil
    for i = 1, math.max(1, cores - 1) do
      expected[i] = 10
    end
    wait.till(function() -- each sets its own, once it runs
      nices = threads(g)
      return #nices == #expected and table.concat(nices, " ") == table.concat(expected, " ")
    end)
    assert.same(expected, nices)
  end)

  it("holds up nobody: with a job on each thread the p99 of others grows by less than 5 ms", function()
    local cores = tonumber(io.popen("nproc"):read "*l")
    local function p99()
      local c, times = g:connect(), {}
      for i = 1, 300 do
        local began = wait.now()
        assert.equal(200, c:ask("/fast").status)
        times[i] = wait.now() - began
      end
      c:close()
      table.sort(times)
      return times[297]
    end
    wait.below(5, function()
      local alone, beside, jobs = p99(), nil, {}
      for i = 1, math.max(1, cores - 1) do
        jobs[i] = function() assert.equal(200, g:get("/loop/100000000").status) end
      end
      jobs[#jobs + 1] = function()
        wait.sleep(20)
        beside = p99()
      end
      wait.at_once(jobs)
      return beside - alone
    end)
  end)

  it("is shown by moongate routes", function()
    local _, out = gateway.run("routes", g.dir)
    assert.is_truthy(out:find "\n  twice +compute lib.score sum +waits for sum\n")
    assert.is_truthy(out:find "\n  it +compute lib.score sum for each {body}, 8 at once\n")
  end)
end)

describe("the threads of gate.compute", function()
  after_each(gateway.clean)

  local function is_busy(reply)
    return reply.status == 503 and reply:json().calls[1].kind == "busy"
  end

  it("take as many calls as there is room for, and refuse the others at once", function()
    wait.in_time(function() -- all have to be there before the first is done
      local g = start "compute_threads = 1, compute_jobs = 2"
      local replies = wait.at_once(6, function(i)
        if i > 1 then
          logged(g, "burns nil")
        end
        return g:get(i == 1 and "/burn/600" or "/burn/1")
      end)
      local counts = { [200] = 0, [503] = 0 }
      for _, reply in ipairs(replies) do
        counts[reply.status] = counts[reply.status] + 1
        assert.is_true(reply.status == 200 or is_busy(reply))
      end
      assert.same({ [200] = 3, [503] = 3 }, counts)
    end)
  end)

  it("refuse a call that could not be done in its time, and never run one that was cancelled", function()
    local g
    wait.in_time(function() -- the second has to come and be over while the first is at work
      g = start "compute_threads = 1"
      local replies = wait.at_once {
        function() return g:get "/slow" end,
        function()
          logged(g, "burns nil")
          return g:get "/burn/1?within=60ms&said=late"
        end,
        function()
          logged(g, "burns nil")
          wait.sleep(20)
          return g:get "/burn/1?said=last"
        end,
      }
      assert.same({ 200, 200 }, { replies[1].status, replies[3].status })
      assert.is_true(replies[2].status == 504 or is_busy(replies[2]), replies[2].body)
      logged(g, "burns last")
      assert.is_nil(g:log():find("burns late", 1, true))
    end)
    local replies = wait.at_once { -- the mean is known now
      function() return g:get "/slow" end,
      function() return wait.till(function()
        local reply = g:get "/burn/1?within=50ms&said=never"
        return is_busy(reply) and reply
      end) end,
    }
    assert.is_truthy(replies[2])
  end)

  it("are free again when a request has ended, unless what they run is compiled", function()
    local g = start "compute_threads = 1"
    assert.equal(504, g:get("/short").status)
    assert.equal(200, g:get("/version").status)
    assert.equal(504, g:get("/keep").status) -- it catches errors, but not this one
    assert.equal(200, g:get("/version").status)
    for _, path in ipairs { "/matches", "/fills" } do -- nor does it matter that C does the work
      assert.equal(504, g:get(path).status)
      assert.equal(200, g:get("/version").status)
    end
    wait.in_time(function() -- it may be over before it has begun
      assert.equal(504, g:get("/spin").status)
      logged(g, "gate.compute: spin of lib.score has been running for %d+%.%d s, and goes on %d+%.%d s after", true)
    end)
    assert.is_true(g:get("/nope").status == 404) -- all else goes on; and the end does not wait for it
  end)

  it("end a function that takes more memory than a state may have", function()
    local g = start 'compute_threads = 1, state = "8MiB"'
    local reply = g:get "/only/hoards"
    assert.same({ 500, "lua" }, { reply.status, reply:json().calls[1].kind })
    logged(g, "it needs too much memory (limits.state)")
    assert.equal(200, g:get("/version").status)
  end)

  it("take a new state where the modules have filled one for good", function()
    local g = start 'compute_threads = 1, state = "8MiB"'
    for _ = 1, 2 do
      assert.equal(500, g:get("/only/keeps").status)
      assert.equal("[0]", g:get("/only/kept").body)
      assert.equal(200, g:get("/burn/50").status)
    end
  end)

  it("run what has changed from the next request on, and end what has begun", function()
    local g = start()
    assert.equal('"one"', g:get("/version").body)
    local replies = wait.at_once {
      function() return g:get "/burn/200" end,
      function()
        logged(g, "burns nil")
        g:write { ["lib/score.lua"] = (score:gsub('"one"', '"two"')) }
        return wait.till(function() return g:get("/version").body == '"two"' end)
      end,
    }
    assert.same({ '{"it":"one"}', true }, { replies[1].body, replies[2] })
    g:write { ["routes.lua"] = routes .. "\n-- another edition, the same modules" }
    assert.equal('"two"', g:get("/version").body)
  end)
end)
