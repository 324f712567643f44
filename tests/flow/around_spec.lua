-- The functions around routes: before, after, and what they leave to each other in req.context.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local http = require "support.http"
local problem = require "support.problem"
local wait = require "support.wait"

local routes = [=[
local gate = require "moongate"
local users, gone = gate.service "users", gate.service "gone"
local function mark(name)
  return function(req, reply)
    local seen = req.context.seen or {}
    seen[#seen + 1] = name
    req.context.seen = seen
    if reply then
      reply.headers["X-Seen"] = table.concat(seen, " ")
    end
  end
end

gate.group("/g", { before = mark "b1", after = mark "a1" }, function(g)
  g.group("/h", { before = mark "b2", after = mark "a2" }, function(h)
    h.get("/fn", { before = mark "b3", after = mark "a3", reply = function(req) mark "fn" (req) return { "fn" } end })
    h.get("/template", { reply = { seen = "{context.seen}" } })
    h.get("/wrong/{n}", { input = { n = "integer" }, reply = function() gate.fail(409, "no") end })
  end)
end)

local function sign_in(req)
  local who = req.headers["x-who"]
  if not who then
    return gate.reply { status = 401, json = { who = "nobody" }, headers = { ["X-Before"] = "said no" } }
  elseif who == "raise" then
    gate.fail(403, "not you")
  elseif who == "broken" then
    error "in before"
  end
  local me = users:get("/echo/" .. who):wait()
  req.context.user = { id = 7, name = who, big = gate.json.decode "12345678901234567890", tags = { "a", "b" } }
  req.context.target = me.body.target
end
gate.get("/me", {
  before = sign_in,
  calls  = { it = users:post("/echo/{context.user.name}", { query = { id = "{context.user.id}" },
    json = { user = "{context.user}", second = "{context.user.tags[2]}", none = "{context.user.name} x" } }) },
  reply  = { sent = "{it.body.body}", target = "{it.body.target}", user = "{context.user}", none = "{context.nothing}", before = "{context.target}" },
})
gate.get("/me-fn", { before = sign_in, calls = { it = users:get "/echo/{context.user.name}" }, reply = function(req, got)
  local other = users:get("/echo/other"):wait()
  return { got.it.body.target, other.body.target, req.context.user.name, req.context.target }
end })
gate.get("/missing", { before = function() end, calls = { it = users:get "/echo/{context.user}" } })
gate.get("/unjson", { before = function(req) req.context.fn = function() end end, calls = { it = users:get "/echo/{context.user}" } })
gate.get("/unnamed", { before = function(req) req.context.fn = function() return "called" end end,
  reply = function(req) return req.context.fn() end })
gate.get("/alone", function(req) req.context.x = 1 return { req.context.x } end)

gate.get("/status", { reply = { a = 1 }, after = function(_, reply) reply.status = 202 reply.headers["X-A"] = { "1", "2" } end })
gate.get("/json", { calls = { it = gate.value { n = 1.50, list = gate.list {} } }, reply = "{it.body}", after = function(_, reply)
  reply.json.added = #reply.json.list
end })
gate.get("/json-set", {
  reply = function() return "text" end, after = function(_, reply) reply.json = { was = reply.body, none = reply.json == nil } end })
gate.get("/body", { reply = { a = "b" }, after = function(_, reply)
  reply.body = reply.body .. "!" reply.headers["CONTENT-type"] = "text/plain" reply.headers.etag = nil
end })
gate.get("/headers", { reply = function()
  return gate.reply { text = "x", headers = { ["Set-Cookie"] = { "a=1", "b=2" }, ETag = '"1"', ["X-Keep"] = "k" } }
end, after = function(_, reply)
  local cookies = reply.headers["SET-COOKIE"]
  cookies[#cookies + 1] = "c=3"
  reply.headers.etag = nil
  reply.headers["X-New"] = reply.headers["x-keep"] .. "!"
end })
gate.get("/waits", { reply = { 1 }, after = function(_, reply) reply.headers["x-target"] = users:get("/echo/late"):wait().body.target end })
gate.get("/refused", { calls = { it = users:get "/status/503" }, after = function(_, reply)
  reply.headers["x-problem"] = reply.json.detail ~= nil and tostring(reply.status) or "none"
end })
gate.get("/after-raises", { reply = gate.null, after = function() error "in after" end })
gate.get("/after-fails", { reply = function() return gate.reply { text = "x", headers = { ["X-Old"] = "1" } } end,
  after = function() gate.fail(418, "tea", { headers = { ["X-Tea"] = "yes" } }) end })
gate.get("/returns", { reply = { 1 }, after = function() return "x" end })
gate.get("/returns-it", { reply = { 1 }, after = function(_, reply) return reply end })
gate.get("/bad-status", { reply = { 1 }, after = function(_, reply) reply.status = 99 end })
gate.get("/bad-part", { reply = { 1 }, after = function(_, reply) reply.stats = 99 end })
gate.get("/late-before", { within = "50ms", before = function() gate.sleep "10s" end, after = mark "a", reply = { 1 } })
gate.get("/late-after", { within = "50ms", after = function() gate.sleep "10s" end, reply = { 1 } })
gate.get("/cut", { after = function() gate.sleep "10ms" end, calls = { slow = gate.value(1, { delay = "10s" }), bad = users:get "/status/500" } })
gate.post("/pass/{x}", { before = function(req) req.context.to = req.params.x end, pass = users:post "/echo/{context.to}",
  after = function(req, reply) reply.headers["X-After"] = req.context.to .. " " .. reply.status reply.headers["content-type"] = "text/x" end })
gate.get("/pass-body", { pass = users:get "/echo", after = function(_, reply) return reply.body end })
gate.get("/pass-waits", { pass = users:get "/echo", after = function() gate.sleep "1ms" end })
gate.get("/pass-leaves", { within = "600ms", before = function() users:get("/hang"):start() end,
  pass = users:get "/drip/80?body=1234567890" })
gate.post("/pass-upload", { within = "600ms", before = function() users:get("/hang"):start() end, pass = users:post "/echo" })
gate.get("/leaves", { within = "100ms", before = function() users:get("/hang"):start() end,
  calls = { it = users:get("/hang", { optional = true }) } })
local function waits(_, reply) reply.headers["x-late"] = users:get("/delay/50/id/late"):wait().body.id end
gate.post("/refused-each", { after = waits, calls = { a = gate.each("{body.items[].id}", users:get "/id/{each}"),
  b = users:post "/id/b", c = users:post("/id/c", { when = function() return true end }) } })
gate.post("/refused-element", { after = waits, calls = { a = gate.each("{body.items[].id}", users:get "/id/{body.none}"),
  b = users:post "/id/b", c = users:post("/id/c", { when = function() return true end }) } })
gate.post("/refused-need", { after = waits, calls = { v = gate.value(1), a = users:get("/id/{body.none}", { needs = "v" }),
  b = users:post("/id/b", { needs = "v" }), c = users:post("/id/c", { needs = "v", when = function() return true end }) } })
local function sleeps(_, reply) gate.sleep "150ms" reply.headers["x-late"] = "slept" end
gate.get("/pass-gone", { within = "30s", pass = gone:get("/", { within = "50ms" }), after = sleeps })
gate.post("/pass-hangs", { within = "30s", pass = users:post("/delay/80/ok", { within = "50ms" }), after = sleeps })
gate.get("/pass-refused", { before = sign_in, pass = users:get "/echo" })
]=]

local g, backend

local function start()
  backend = faultd.start()
  g = gateway.start({ ["gateway.lua"] = { services = { users = backend.url,
    gone = "http://127.0.0.1:" .. faultd.closed_port() } }, ["routes.lua"] = routes }, { workers = 1 })
end

local function stop()
  gateway.clean()
  faultd.clean()
end

local function by(who)
  return { headers = { ["x-who"] = who } }
end

describe("before", function()
  setup(start)
  teardown(stop)

  it("runs from the outermost group in, after from the innermost out", function()
    local reply = g:get "/g/h/fn"
    assert.equal("b1 b2 b3 fn a3 a2 a1", reply.headers["x-seen"])
    assert.same({ "fn" }, reply:json())
    reply = g:get "/g/h/template"
    assert.same({ seen = { "b1", "b2" } }, reply:json())
    assert.equal("b1 b2 a2 a1", reply.headers["x-seen"])
  end)

  it("leaves values for placeholders, with their types", function()
    local got = g:get("/me", by "ada"):json()
    assert.equal("/echo/ada?id=7", got.target)
    assert.equal("/echo/ada", got.before)
    assert.is_truthy(g:get("/me", by "ada").body:find('"big":12345678901234567890', 1, true))
    assert.same({ 7, "ada", { "a", "b" } }, { got.user.id, got.user.name, got.user.tags })
    assert.equal(require("dkjson").null and nil, got.none)
    assert.is_truthy(tostring(got.sent):find('"second":"b"', 1, true), tostring(got.sent))
  end)

  it("leaves values for functions, and both may wait", function()
    assert.same({ "/echo/ada", "/echo/other", "ada", "/echo/ada" }, g:get("/me-fn", by "ada"):json())
    assert.equal("called", g:get("/unnamed").body)
    for _ = 1, 2 do
      assert.same({ 1 }, g:get("/alone"):json())
    end
  end)

  it("may leave a call to itself: its end is nobody's", function()
    wait.in_time(function()
      local reply = g:get "/pass-leaves"
      assert.same({ 200, "1234567890" }, { reply.status, reply.body })
    end)
    wait.in_time(function()
      local reply = g:get "/leaves"
      assert.same({ 200, "it=timeout" }, { reply.status, reply.headers["moongate-partial"] })
    end)
    wait.in_time(function()
      local c = g:connect()
      c:send(http.request("/pass-upload", { method = "POST", headers = { ["Content-Length"] = "10" } }))
      c:send("0123456789", 1, 100)
      local reply = c:read()
      c:close()
      assert.same({ 200, "0123456789" }, { reply.status, reply:json().body })
    end)
  end)

  it("may answer itself, and fail", function()
    for _, path in ipairs { "/me", "/me-fn", "/pass-refused" } do
      local reply = g:get(path)
      assert.same({ 401, "said no", "nobody" }, { reply.status, reply.headers["x-before"], reply:json().who })
      assert.equal("not you", problem.check(g:get(path, by "raise"), 403).detail)
      problem.check(g:get(path, by "broken"), 500)
    end
    problem.check(g:get "/missing", 502, { it = "missing" })
    problem.check(g:get "/unjson", 500)
    problem.check(g:get "/late-before", 504)
  end)
end)

describe("after", function()
  setup(start)
  teardown(stop)

  it("changes status, headers and body of what a route says", function()
    local reply = g:get "/status"
    assert.same({ 202, "1, 2", '{"a":1}' }, { reply.status, reply.headers["x-a"], reply.body })
    assert.same('{"added":0,"list":[],"n":1.5}', g:get("/json").body)
    reply = g:get "/json-set"
    assert.same({ "application/json", '{"none":true,"was":"text"}' }, { reply.headers["content-type"], reply.body })
    reply = g:get "/body"
    assert.same({ "text/plain", '{"a":"b"}!' }, { reply.headers["content-type"], reply.body })
    reply = g:get "/headers"
    local found = {}
    for _, field in ipairs(reply.fields) do
      found[#found + 1] = field[1]:find "^[SEX]" and field[1] ~= "X-Request-Id" and table.concat(field, ": ") or nil
    end
    assert.same({ "Set-Cookie: a=1", "Set-Cookie: b=2", "Set-Cookie: c=3", "X-Keep: k", "X-New: k!" }, found)
    assert.equal("/echo/late", g:get("/waits").headers["x-target"])
    assert.same({ 1 }, g:get("/returns-it"):json())
  end)

  it("sees problems, but those of the input", function()
    assert.equal("502", g:get("/refused").headers["x-problem"])
    local reply = g:get "/g/h/wrong/1"
    problem.check(reply, 409)
    assert.equal("b1 b2 a2 a1", reply.headers["x-seen"])
    reply = g:get "/g/h/wrong/x"
    problem.check(reply, 400)
    assert.is_nil(reply.headers["x-seen"])
    problem.check(g:get "/cut", 502, { bad = "status" })
  end)

  it("is waited for where the client is refused, and nothing else is started", function()
    for path, body in pairs { each = '{"items":5}', element = '{"items":[{"id":1}]}', need = "{}" } do
      backend:reset()
      local reply = g:post("/refused-" .. path, { body = body, headers = { ["content-type"] = "application/json" } })
      problem.check(reply, 400)
      assert.equal("late", reply.headers["x-late"], path)
      assert.equal(1, backend:record().requests, path)
    end
  end)

  it("makes a problem of the reply when it fails or is late", function()
    problem.check(g:get "/after-raises", 500)
    local reply = g:get "/after-fails"
    problem.check(reply, 418)
    assert.same({ "yes", nil }, { reply.headers["x-tea"], reply.headers["x-old"] })
    for _, path in ipairs { "/returns", "/bad-status", "/bad-part" } do
      problem.check(g:get(path), 500)
    end
    problem.check(g:get "/late-after", 504)
    for _, said in ipairs {
      "in after", "after changes the reply it is given and returns nothing", "reply.status is a whole number from 200 to 599, not 99",
      'a reply has no stats: did you mean "status"?',
    } do
      assert.is_truthy(wait.till(function() return g:log():find(said, 1, true) end), said .. "\n" .. g:log())
    end
  end)

  it("changes the head of an answer that is passed", function()
    local reply = g:post("/pass/there", { body = ("x"):rep(100000) })
    assert.same({ 200, "there 200", "text/x" }, { reply.status, reply.headers["x-after"], reply.headers["content-type"] })
    assert.is_truthy(reply.body:find("/echo/there", 1, true))
    problem.check(g:get "/pass-body", 500)
    problem.check(g:get "/pass-waits", 500)
  end)

  it("may wait where there is nothing to pass, for longer than what failed might have", function()
    wait.in_time(function()
      local reply = g:get "/pass-gone"
      problem.check(reply, 502, { pass = "refused" })
      assert.equal("slept", reply.headers["x-late"])
    end)
    wait.in_time(function()
      local reply = g:post("/pass-hangs", { body = "x" }) -- what goes on unheard answers meanwhile
      problem.check(reply, 504, { pass = "timeout" })
      assert.equal("slept", reply.headers["x-late"])
    end)
  end)

  it("ends with a client that leaves", function()
    for _ = 1, 20 do
      local c = g:connect()
      c:send "GET /late-after HTTP/1.1\r\nHost: x\r\n\r\n"
      c:close()
    end
    assert.equal(202, g:get("/status").status)
  end)

  it("sees each reply that goes out, also one that was ready a little too late", function()
    local late = gateway.start({
      ["gateway.lua"] = { services = { users = backend.url } },
      ["routes.lua"] = [[
        local gate = require "moongate"
        local users = gate.service "users"
        gate.get("/secret", { within = "300ms", calls = { it = users:get "/held/ok" }, reply = { secret = "{it.status}" },
          after = function(_, reply) reply.headers["X-Seen"] = "yes" end })
        gate.get("/busy/{ms}", { limits = { script = "5s" }, reply = function(req)
          local began = os.clock()
          repeat until os.clock() - began > tonumber(req.params.ms) / 1000
          return users:get("/ok"):wait().text
        end })
      ]],
    }, { workers = 1 })
    local secret, first, second = late:connect(), late:connect(), late:connect()
    backend:reset()
    secret:send(http.request "/secret")
    assert.equal(1, backend:record_when(function(record) return record.requests == 1 end, 10000).requests)
    first:send(http.request "/busy/100") -- its worker is busy while the next request and the answer come in
    wait.sleep(30)
    second:send(http.request "/busy/400") -- goes first, and the clock has gone on when it is done
    wait.sleep(10)
    backend:release()
    local reply = secret:read()
    assert.is_true(reply.status == 504 or reply.headers["x-seen"] == "yes", reply.body)
    for _, c in ipairs { secret, first, second } do
      c:close()
    end
  end)
end)
