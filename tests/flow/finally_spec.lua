-- gate.finally: once after the reply, however the request ended, with time of its own.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local posix = require "support.posix"
local problem = require "support.problem"
local wait = require "support.wait"

local routes = [=[
local gate = require "moongate"
local users, seen = gate.service "users", gate.shared "seen"

local function note(key, text)
  seen:update(key, function(all) return (all or "") .. text .. ";" end)
end
gate.get("/seen/{key}", function(req) return seen:get(req.params.key) or "" end)

-- What ends as its name says, and leaves two functions behind.
local function ends(how)
  return function(req)
    local key = how .. (req.query.key or "")
    gate.finally(function(status) note(key, "first " .. status) end)
    gate.finally(function(status)
      local name = users:get("/echo/" .. key .. "?from=finally"):wait().body.target
      note(key, "second " .. status .. " " .. name)
    end)
    if how == "problem" then gate.fail(409, "no")
    elseif how == "error" then error "in the route"
    elseif how == "call" then users:get("/status/500"):wait()
    elseif how == "late" then gate.sleep "10s"
    elseif how == "busy" then users:get("/hang"):wait() end
    return { how }
  end
end
for _, how in ipairs { "reply", "problem", "error", "call" } do gate.get("/" .. how, ends(how)) end
gate.get("/late", { within = "50ms", reply = ends "late" })
gate.get("/busy", { within = "60s", reply = ends "busy" })
gate.post("/post", { within = "60s", reply = function()
  gate.finally(function(status) note("post", tostring(status)) end)
  users:get("/delay/100/ok"):wait()
  return gate.reply { status = 202, json = {} }
end })
gate.get("/before", { before = function(req)
  req.context.who = "ada"
  gate.finally(function(status) note("before", req.context.who .. req.headers["x-a"] .. req.context.got.body.target .. status) end)
end, reply = function(req) req.context.got = users:get("/echo/unread"):wait() return {} end,
  after = function(_, reply) reply.status = 203 end })
gate.get("/pass", { before = function() gate.finally(function(status) note("pass", tostring(status)) end) end, pass = users:get "/status/404" })

gate.get("/raises", function()
  gate.finally(function() note("raises", "still") end)
  gate.finally(function() error "broken in the end" end)
  gate.finally(function() users:get("/status/503"):wait() end)
  gate.finally(function() gate.finally(print) end)
  return {}
end)
gate.get("/slow", function()
  gate.finally(function() note("slow", "after") end)
  gate.finally(function() note("slow", "left " .. math.ceil(gate.left() / 1000)) gate.sleep "60s" note("slow", "never") end)
  return {}
end)
gate.get("/calls/{n}", { limits = { calls = 2 }, reply = function(req)
  gate.finally(function() for i = 1, 2 do users:get("/ok"):wait() end note("calls", "2 more") end)
  for i = 1, tonumber(req.params.n) do users:get("/ok"):wait() end
  return {}
end })
gate.get("/wrong/{how}", function(req)
  if req.params.how == "no-function" then gate.finally(7) end
  for i = 1, 65 do gate.finally(function() seen:incr "many" end) end
end)
gate.get("/many", function() return tostring(seen:get "many") end)
gate.get("/held", function()
  gate.finally(function(status) users:post("/held/ok"):wait() note("held", "done " .. status) end)
  return {}
end)
gate.post("/held-request", { within = "60s", reply = function()
  gate.finally(function(status) users:post("/echo/undo/" .. status):wait() end)
  users:get("/hang"):wait()
end })
gate.get("/held-ever", { within = "60s", reply = function()
  gate.finally(function(status) users:post("/hang/undo"):wait() end)
  return {}
end })
]=]

describe("gate.finally", function()
  local g, backend

  local function start(limits)
    backend = faultd.start()
    g = gateway.start({ ["gateway.lua"] = { services = { users = backend.url }, limits = limits }, ["routes.lua"] = routes }, { workers = 2 })
  end

  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  local function seen(key, expected)
    local found
    wait.till(function()
      found = g:get("/seen/" .. key).body
      return found == expected
    end, 5000)
    assert.equal(expected, found, g:log())
  end

  local function logged(text)
    assert.is_truthy(wait.till(function() return g:log():find(text, 1, true) end), text .. "\n" .. g:log())
  end

  local function targets()
    local list = {}
    for _, one in ipairs(backend:record().log) do
      list[#list + 1] = one.raw and one.raw:match "^(%u+ %S+)"
    end
    return table.concat(list, "\n")
  end

  it("runs what was left to it after the reply, the last first, with its status", function()
    start()
    for how, status in pairs { reply = 200, problem = 409, error = 500, call = 502, late = 504 } do
      assert.equal(status, g:get("/" .. how).status)
      seen(how, ("second %d /echo/%s?from=finally;first %d;"):format(status, how, status))
    end
  end)

  it("runs when the client has left", function()
    start()
    local clients = wait.at_once(10, function(i)
      local c = g:connect()
      c:send(("GET /busy?key=%d HTTP/1.1\r\nHost: x\r\n\r\n"):format(i))
      return c
    end)
    backend:record_when(function(record) return record.in_flight == 10 end)
    for _, c in ipairs(clients) do
      c:close()
    end
    for i = 1, 10 do
      seen("busy" .. i, ("second 499 /echo/busy%d?from=finally;first 499;"):format(i))
    end
    local c = g:connect()
    c:send "POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    backend:record_when(function(record) return record.in_flight == 1 end)
    c:close()
    seen("post", "202;")
  end)

  it("sees request, context and results, read before or not", function()
    start()
    assert.equal(203, g:get("/before", { headers = { ["x-a"] = "1" } }).status)
    seen("before", "ada1/echo/unread203;")
    assert.equal(404, g:get("/pass").status)
    seen("pass", "404;")
  end)

  it("logs what is raised and goes on with the next", function()
    start()
    assert.equal(200, g:get("/raises").status)
    seen("raises", "still;")
    for _, said in ipairs { "GET /raises", "gate.finally: routes.lua:43: broken in the end", "gate.finally: the call users failed: ",
      "gate.finally: a request has at most 64 functions, and they have none themselves" } do
      logged(said)
    end
    problem.check(g:get "/wrong/no-function", 500)
    problem.check(g:get "/wrong/many", 500)
    assert.is_truthy(wait.till(function() return g:get("/many").body == "64" end))
    logged "gate.finally takes a function, not 7"
  end)

  it("has time and calls of its own", function()
    start { finally = "950ms", within = "5s" }
    assert.equal(200, g:get("/slow").status)
    seen("slow", "left 1;after;")
    logged "gate.finally: its function ran out of time"
    assert.equal(200, g:get("/calls/2").status)
    seen("calls", "2 more;")
    assert.equal(500, g:get("/calls/3").status)
    seen("calls", "2 more;2 more;")
  end)

  it("keeps neither the client's connection nor a reload waiting", function()
    start()
    local c = g:connect()
    assert.equal(200, c:ask("/held").status)
    backend:record_when(function(record) return record.in_flight == 1 end)
    assert.equal("", c:ask("/seen/held").body)
    g:write { ["more.lua"] = [[require "moongate".get("/new", function() return "new" end)]] }
    assert.is_truthy(wait.till(function() return g:get("/new").body == "new" end, 5000))
    assert.equal("", c:ask("/seen/held").body)
    backend:release()
    seen("held", "done 200;")
  end)

  it("is waited for when the gateway is told to stop", function()
    start()
    assert.equal(200, g:get("/held").status)
    backend:record_when(function(record) return record.in_flight == 1 end)
    g.process:signal(posix.SIGTERM)
    assert.is_nil(g.process:wait(100))
    backend:release()
    assert.equal(0, g.process:wait(10000))
    g.stopped = true
  end)

  it("runs for requests that a stop cuts, and is cut itself when its time is over", function()
    wait.in_time(function()
      start { drain = "50ms", finally = "300ms" }
      local c = g:connect()
      c:send "POST /held-request HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
      backend:record_when(function(record) return record.in_flight == 1 end)
      assert.equal(200, g:get("/held-ever").status)
      backend:record_when(function(record) return record.in_flight == 2 end)
      g.process:signal(posix.SIGTERM)
      assert.equal(0, g.process:wait(10000))
      g.stopped = true
      assert.is_truthy(targets():find("POST /echo/undo/503", 1, true), targets())
    end)
  end)
end)
