-- What --dev shows to the author of the routes: as members of a problem, in headers, in the log.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local wait = require "support.wait"

local routes = [[
local gate = require "moongate"
local api, gone = gate.service "api", gate.service "gone"

local function deeper(req)
  local list = req.nothing.here -- <b>&"
  return list
end

gate.get("/lua", function(req)
  local found = deeper(req)
  return found
end)
gate.get("/blames", function() error("not my fault", 2) end)
gate.get("/text", function() error("no place", 0) end)
gate.get("/nothing", function() end)
gate.get("/fail", function()
  gate.fail(404, "no such thing", { dev = "mine" })
end)
gate.get("/refused", { calls = {
  first  = api:get "/ok",
  second = gone:get("/x/{first.status}"),
  third  = api:get "/y/{second.status}",
} })
gate.get("/late", { within = "50ms", calls = { slow = api:get "/hang", fast = api:get "/ok" } })
gate.get("/sql", { calls = { c = gate.database "shop":query "select * from nowhere" } })
gate.get("/fine", { calls = { c = api:get "/delay/20/ok", d = gate.value(1) } })
gate.get("/some", { calls = { c = gone:get("/ok", { optional = true }) } })
gate.get("/running", function()
  local got = gate.all { one = api:get "/delay/20/ok", two = gone:get("/x", { optional = true }) }
  gone:get("/y"):wait()
  return got.one.body
end)
gate.get("/each", { calls = { all = gate.each("{query.list}", api:get "/id/{each}") },
  input = { query = { list = "integer[]" } } })
gate.get("/pass", { pass = api:get "/ok" })
gate.group("/around", {
  before = function(req) if req.query.before then error "before" end end,
  after  = function(req, reply)
    if req.query.after then error "after" end
    reply.headers["x-after"] = "was here"
  end,
}, function(group)
  group.get("/x", function() return { 1 } end)
  group.get("/y", function() gate.fail(418, "short and stout") end)
end)
]]

describe("serve --dev", function()
  local g

  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  local function start(options)
    local backend = faultd.start()
    options = options or {}
    options.workers, options.arguments = 1, { "--dev" }
    g = gateway.start({
      ["gateway.lua"] = ([[return { services = { api = %q, gone = "http://127.0.0.1:%d" },
        databases = { shop = "sqlite:shop.db" }, secrets = { key = env("KEY", "unset") } }]])
        :format(backend.url, faultd.closed_port()),
      ["routes.lua"] = routes,
    }, options)
  end

  local function dev(path, options)
    local reply = g:get(path, options)
    local problem = reply:json()
    assert.equal("application/problem+json", reply.headers["content-type"])
    assert.equal("table", type(problem.dev), reply.body)
    return problem.dev, problem
  end

  it("says of every reply how long its calls took, and the whole", function()
    start()
    local timing = g:get("/fine").headers["server-timing"]
    local c, d, total = timing:match "^c;dur=(%d+), d;dur=(%d+), total;dur=(%d+)$"
    assert.truthy(c, timing)
    assert.is_true(tonumber(c) >= 19 and tonumber(total) >= tonumber(c) and tonumber(d) >= 0, timing)
    assert.truthy(g:get("/pass").headers["server-timing"]:find "total;dur=%d+$")
    assert.truthy(g:get("/nowhere").headers["server-timing"]:find "^total;dur=%d+$")
    assert.truthy(g:get("/around/x").headers["server-timing"]:find "^total;dur=%d+$")
    timing = g:get("/running").headers["server-timing"]
    assert.truthy(timing:find "one;dur=%d+, two;dur=%d+, gone;dur=%d+, total", timing)
    timing = g:get("/refused").headers["server-timing"]
    assert.truthy(timing:find "^first;dur=%d+, second;dur=%d+, total", timing)
    local client = g:connect()
    client:send "GET / HTTP/1.1\r\nBad Header: 1\r\n\r\n"
    assert.equal("total;dur=0", client:read().headers["server-timing"])
  end)

  it("tells file, line, source and the way there of an error in Lua", function()
    start()
    local found, problem = dev "/lua"
    assert.same({ 500, "routes.lua", 5 }, { problem.status, found.file, found.line })
    assert.truthy(found.error:find("^attempt to index field 'nothing'"), found.error)
    assert.same({ { file = "routes.lua", line = 5, ["function"] = "deeper" }, { file = "routes.lua", line = 10 } },
      found.traceback)
    assert.same({ line = 1, text = 'local gate = require "moongate"' }, found.source[1])
    assert.same({ line = 5, text = '  local list = req.nothing.here -- <b>&"' }, found.source[5])
    assert.equal(9, found.source[#found.source].line)
    assert.equal(9, #found.source)
  end)

  it("finds the place of whatever else ends a request", function()
    start()
    local found = dev "/text"
    assert.same({ "no place", 14, "routes.lua" }, { found.error, found.line, found.file })
    assert.equal("not my fault", dev("/blames").error)
    assert.equal(15, dev("/nothing").line)
    local _, problem = dev "/fail"
    assert.same({ 404, "no such thing", 17 }, { problem.status, problem.detail, problem.dev.line })
    found = dev "/around/x?before=1"
    assert.same({ "before", 37 }, { found.error, found.line })
    found = dev "/around/x?after=1"
    assert.same({ "after", 39 }, { found.error, found.line })
    found = dev "/sql"
    assert.same({ 25, "the call c failed: no such table: nowhere" }, { found.line, found.error })
    found = dev "/each?list=x"
    assert.equal(33, found.line)
    assert.is_nil(dev("/nowhere").file)
    assert.is_nil(dev("/nowhere").traceback)
  end)

  it("tells of each call what it asked, waited for, when, and how it ended", function()
    start()
    local found = dev "/refused"
    assert.equal(21, found.line)
    local first, second, third = unpack(found.calls)
    assert.same({ "first", "http", "api", "GET /ok", "ok", 200 },
      { first.name, first.kind, first.backend, first.ask, first.outcome, first.status })
    assert.same({}, first.needs)
    assert.same({ "second", "GET /x/200", "refused", { "first" } },
      { second.name, second.ask, second.outcome, second.needs })
    assert.truthy(second.message)
    assert.is_true(first.start_ms >= 0 and first.start_ms <= first.end_ms and first.end_ms <= second.start_ms
      and second.start_ms <= second.end_ms and second.end_ms <= found.total_ms)
    assert.same({ "third", "GET /y/{second.status}", "not started", { "second" } },
      { third.name, third.ask, third.outcome, third.needs })
    assert.is_nil(third.start_ms)
  end)

  it("tells of calls that were under way, and of those of functions", function()
    start()
    wait.in_time(function() -- its time may be over before they begin
      local calls = dev("/late").calls
      local slow = calls[1].name == "slow" and calls[1] or calls[2]
      assert.truthy(slow.outcome == "timeout" or slow.outcome == "under way", slow.outcome)
      assert.is_true(slow.end_ms - slow.start_ms >= 40)
    end)
    local found = dev "/running"
    assert.equal(30, found.line)
    local outcomes = {}
    for _, call in ipairs(found.calls) do
      outcomes[#outcomes + 1] = ("%s %s %s %s"):format(call.name, call.backend, call.ask, call.outcome)
    end
    assert.same({ "one api GET /delay/20/ok ok", "two gone GET /x refused", "gone gone GET /y refused" }, outcomes)
  end)

  it("lets functions after a problem have their say", function()
    start()
    local reply = g:get "/around/y"
    assert.same({ 418, "was here" }, { reply.status, reply.headers["x-after"] })
    assert.equal(44, reply:json().dev.line)
  end)

  it("shows neither secrets nor who the client is", function()
    start { env = { KEY = "sk_live/123 456" } }
    g:write { ["secret.lua"] = [[
      local gate = require "moongate"
      local gone, key = gate.service "gone", gate.secret "key"
      gate.get("/secret", function(req)
        gone:get("/x", { query = { key = key, user = req.headers.authorization }, optional = true }):wait()
        error(key .. " " .. req.headers.authorization .. " " .. req.cookies.sid)
      end)]] }
    local options = { headers = { Authorization = "Bearer abc/def+ghi", Cookie = "a=b; sid=\"cookie-value\"",
      ["X-Api-Key"] = "another-one" } }
    assert.truthy(wait.till(function() return g:get("/secret").status == 500 end), g:log())
    for _, accept in ipairs { "*/*", "text/html" } do
      options.headers.Accept = accept
      local body = g:get("/secret", options).body
      for _, hidden in ipairs { "sk_live", "123", "abc", "def", "ghi", "cookie-value", "another-one" } do
        assert.is_nil(body:find(hidden, 1, true), hidden .. " is in " .. body)
      end
      assert.truthy(body:find("[secret key]", 1, true), body)
    end
  end)

  it("shows no start of what it hides where a text is cut", function()
    start { env = { KEY = "sk_live_0123456789abcdef" } }
    local line = "-- " .. ("."):rep(400 - 6 - 3 - 7) .. "sk_live_0123456789abcdef"
    g:write { ["cut.lua"] = [[
      local gate = require "moongate"
      local gone = gate.service "gone"
      local function long(req, most) -- what ends at a bound with the first bytes of something hidden
        return ("x"):rep(most - #req.query.before)
      end
      gate.get("/asks", function(req)
        gone:get("/" .. long(req, 300) .. req.headers.authorization, { optional = true }):wait()
        error "asked"
      end)
      gate.get("/says", function(req) error(long(req, 2048) .. req.headers.authorization, 0) end)
      gate.get("/tells", function(req) error(long(req, 2048) .. gate.secret "key", 0) end)
      ]] .. line .. "\n gate.get('/source', function() return nil + 1 end) " .. line .. "\n" }
    local options = { headers = { Authorization = "Bearer-opensesame-0123456789" } }
    assert.truthy(wait.till(function() return g:get("/says?before=").status == 500 end), g:log())
    for _, accept in ipairs { "*/*", "text/html" } do
      options.headers.Accept = accept
      for path, most in pairs { asks = 30, says = 40, tells = 40, source = 8 } do
        for before = 8, most, 5 do
          local body = g:get("/" .. path .. "?before=" .. ("a"):rep(before), options).body
          for _, hidden in ipairs { "Bear", "sk_l" } do
            assert.is_nil(body:find(hidden, 1, true), ("%s %d: %s"):format(path, before, body))
          end
          assert.truthy(body:find(path == "asks" and "asked" or path == "source" and "cut.lua" or "xxxx", 1, true), body)
        end
      end
    end
    assert.is_nil(g:log():find("sk_l", 1, true))
  end)

  it("tells programs what does not load, while they are served by what is loaded", function()
    start()
    assert.is_nil(g:get("/fine").headers["moongate-load-error"])
    g:write { ["b.lua"] = "local x = = 2\n",
      ["c.lua"] = 'local gate = require "moongate"\ngate.get("/<x>", { replly = 1 })\n' }
    local function told()
      return g:get("/fine").headers["moongate-load-error"]
    end
    assert.truthy(wait.till(function() -- both files, which do not change at once
      return (told() or ""):find "^b.lua:1: unexpected symbol near '=' %(and %d more%)$"
    end), told() or g:log())
    local reply = g:get "/fine"
    assert.equal(200, reply.status)
    local found = dev "/fail"
    assert.same({ "b.lua", 1 }, { found.load_errors[1].file, found.load_errors[1].line })
    assert.same({ { line = 1, text = "local x = = 2" } }, found.load_errors[1].source)
    assert.truthy(found.load_errors[2].message:find("replly", 1, true))
    assert.equal(17, found.line)
    g:write { ["b.lua"] = "", ["c.lua"] = "" }
    assert.truthy(wait.till(function() return not told() end), g:log())
    assert.is_nil(dev("/fail").load_errors)
  end)

  it("warns where others than this machine can reach it", function()
    start()
    assert.is_nil(g:log():find("--dev", 1, true), g:log())
    start { listen = "0.0.0.0:0" }
    assert.truthy(wait.till(function() return g:log():find("warn.*%-%-dev shows .* 0%.0%.0%.0:%d+") end), g:log())
    assert.equal(1, select(2, g:log():gsub("\n", "")))
  end)
end)
