-- `share = true` on a service: equal GETs in flight at the same time are made once, and one
-- client's end is not another's. Over both paths.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local http = require "support.http"
local places = require "support.places"
local wait = require "support.wait"

local ROUNDS = places.sanitize == "" and 40 or 15

local routes = [=[
local gate = require "moongate"
local users = gate.service "users"
local forward = { headers = { "authorization" } }

local mark = users:post "/ok/mark" -- begun with the other call: who sees it knows that both were
local held = { calls = { mark = mark, it = users:get("/held/echo", { forward = forward }) }, reply = "{it.body}" }

gate.get("/held", held)
for _, ms in ipairs { 150, 600, 2400 } do
  gate.get("/within/" .. ms, { within = ms .. "ms", calls = held.calls, reply = held.reply })
end
gate.get("/id/{ms}/{id}", { calls = { it = users:get "/delay/{ms}/id/{id}" }, reply = "{it.body.id}" })
gate.get("/soon/{id}", { within = "150ms", calls = { it = users:get "/id/{id}" } })
gate.get("/hang", { calls = { mark = mark, it = users:get "/hang" } })
gate.get("/reset", { calls = { mark = mark, it = users:get "/held/reset/60" } })
gate.get("/post", { calls = { it = users:post("/delay/50/echo", { json = 1 }) } })
gate.get("/posts", { calls = { it = users:post("/delay/50/echo") } })
gate.get("/optional", { calls = { it = users:get("/hang", { optional = true, within = "60ms" }) } })
gate.get("/big/{n}", { calls = { it = users:get "/delay/30/big/{n}" }, reply = "{it.body}" })

-- Asks the same twice, ends one of the two, and asks again as soon as one has landed.
gate.get("/twice/{ms}/{id}", function(req)
  local function call() return users:get("/delay/{ms}/id/{id}", { params = req.params }) end
  local one, two = call():start(), call():start()
  one:cancel()
  local got = two:wait()
  local again = gate.all { a = call(), b = call() }
  return { got.body.id, again.a.body.id, again.b.body.id }
end)
]=]

local function fields_of(echo)
  local map = {}
  for _, field in ipairs(echo.headers) do
    map[field[1]:lower()] = field[2]
  end
  return map
end

for _, path in ipairs { "plain", "libcurl" } do
  describe("a service with share = true, over " .. path .. ",", function()
    local backend, g

    local function start(workers, limits)
      backend = faultd.start()
      g = gateway.start({
        ["gateway.lua"] = { services = { users = { url = backend.url, share = true, path = path } }, limits = limits },
        ["routes.lua"] = routes,
      }, { workers = workers or 1 })
    end

    after_each(function()
      gateway.clean()
      faultd.clean()
    end)

    -- Connections that have sent a request each.
    local function ask_all(count, target)
      local conns = {}
      for i = 1, count do
        conns[i] = g:connect()
        assert(conns[i]:send(http.request(target)))
      end
      return conns
    end

    -- How many requests of a method the backend was sent, and the last of them.
    local function made(record, method)
      local count, last = 0, nil
      for _, entry in ipairs(record.log) do
        if entry.raw:sub(1, #method + 1) == method .. " " then
          count, last = count + 1, entry
        end
      end
      return count, last
    end

    -- Waits until `count` requests have begun their calls, which the marks tell, and the backend has one
    -- that is held.
    local function joined(count)
      local record = backend:record_when(function(record)
        return made(record, "POST") == count and record.in_flight > 0
      end, 10000)
      assert.equal(count, (made(record, "POST")))
      return record
    end

    -- Runs ask(1) to ask(count) at once; what they wait for is held until all of them do.
    local function together(count, ask)
      local left = count
      return wait.at_once(count + 1, function(i)
        if i <= count then
          local reply = ask(i)
          left = left - 1
          return reply
        end
        joined(count)
        repeat -- what they wait for may be several calls, and one of them may come late
          backend:release()
          wait.sleep(5)
        until left == 0
      end)
    end

    local function idle()
      return backend:record_when(function(record) return record.in_flight == 0 end, 10000)
    end

    it("is asked once for fifty equal requests at once", function()
      start()
      local replies = together(50, function(i)
        return g:get("/held", { headers = { ["x-request-id"] = "id-" .. i, ["x-other"] = tostring(i) } })
      end)
      assert.equal(50, #replies)
      assert.equal(1, (made(backend:record(), "GET")))
      for _, reply in ipairs(replies) do
        assert.same({ 200, replies[1].body }, { reply.status, reply.body })
      end
      local sent = fields_of(replies[1]:json())
      assert.is_truthy(sent["x-request-id"]:find "^id%-%d+$")
      assert.is_nil(sent["x-forwarded-for"])
      assert.same({ "gate.test", "http" }, { sent["x-forwarded-host"], sent["x-forwarded-proto"] })
      assert.equal('"7"', g:get("/id/0/7").body)
      assert.equal('"7"', g:get("/id/0/7").body)
      assert.equal(3, (made(backend:record(), "GET")))
    end)

    it("is asked by each of two workers at most once", function()
      start(2)
      for _, reply in ipairs(together(50, function() return g:get "/held" end)) do
        assert.equal(200, reply.status)
      end
      local requests = made(backend:record(), "GET")
      assert.is_true(requests == 1 or requests == 2, requests .. " requests")
    end)

    it("is asked anew for what differs in a header that it is sent, or in the host", function()
      start()
      local replies = together(8, function(i)
        return g:get("/held", { headers = { authorization = i % 2 == 0 and "ann" or "bob",
          host = i <= 4 and "one.test" or "two.test" } })
      end)
      assert.equal(4, (made(backend:record(), "GET")))
      for i, reply in ipairs(replies) do
        local sent = fields_of(reply:json())
        assert.same({ i % 2 == 0 and "ann" or "bob", i <= 4 and "one.test" or "two.test" },
          { sent.authorization, sent["x-forwarded-host"] })
      end
    end)

    it("is asked anew behind a call that hangs, however many have joined that", function()
      start()
      wait.in_time(function()
        backend:reset()
        backend:mood "/to/hang"
        local conns = ask_all(1, "/soon/7")
        assert.equal(1, backend:record_when(function(record) return record.requests == 1 end).requests)
        backend:mood ""
        local answered
        wait.at_once(30, function(i) -- one every 15 ms, each with 150 ms, so that some are always there
          wait.sleep(i * 15)
          answered = answered or g:get("/soon/7").status == 200
        end)
        conns[1]:close()
        assert.is_true(answered)
      end)
    end)

    it("is sent each POST", function()
      start()
      for _, target in ipairs { "/post", "/posts" } do
        local before = backend:record().requests
        wait.at_once(10, function() return g:get(target) end)
        assert.equal(before + 10, backend:record().requests)
      end
    end)

    it("goes on answering when some have left, and sees the end when the last has", function()
      start()
      local conns = ask_all(6, "/held")
      assert.equal(1, joined(6).in_flight)
      local files = g:fds()
      for _, i in ipairs { 1, 3, 6 } do
        conns[i]:close()
      end
      assert.is_truthy(wait.till(function() return g:fds() <= files - 3 end, 10000)) -- it has seen them leave
      backend:release()
      for _, i in ipairs { 2, 4, 5 } do
        assert.equal(200, conns[i]:read().status)
        conns[i]:close()
      end
      local record = idle()
      assert.same({ 1, 0 }, { made(record, "GET"), record.in_flight })

      backend:reset()
      conns = ask_all(3, "/hang")
      joined(3)
      for _, c in ipairs(conns) do
        c:close()
      end
      record = idle()
      local count, last = made(record, "GET")
      assert.same({ 1, 0 }, { count, record.in_flight })
      assert.is_string(record.conns[last.connection].how) -- closed
    end)

    it("is let go of when the gateway stops", function()
      start(2, { drain = "50ms" })
      ask_all(10, "/hang")
      backend:record_when(function(record) return record.in_flight > 0 end)
      g:stop()
      assert.equal(0, idle().in_flight)
    end)

    it("gives each its own time", function()
      start()
      local short, long
      for _, ms in ipairs { 150, 600, 2400 } do -- the longer one has to come in the time of the other
        backend:reset()
        short = ask_all(1, "/within/" .. ms)[1]
        joined(1)
        long = ask_all(1, "/held")[1]
        joined(2)
        if not wait.readable(short.fd, 0) then
          break
        end
        backend:release()
        long:read()
      end
      assert.equal(504, short:read().status)
      assert.equal(1, backend:record().in_flight)
      backend:release()
      assert.equal(200, long:read().status)
      assert.equal(1, (made(backend:record(), "GET")))
    end)

    it("that fails, fails for all of them with the same kind", function()
      start()
      local replies = together(10, function() return g:get "/reset" end)
      assert.equal(1, (made(backend:record(), "GET")))
      for _, reply in ipairs(replies) do
        assert.same({ 502, { { name = "it", kind = "reset" } } }, { reply.status, reply:json().calls })
      end
      replies = wait.at_once(10, function() return g:get "/optional" end)
      for _, reply in ipairs(replies) do
        assert.same({ 200, "it=timeout" }, { reply.status, reply.headers["moongate-partial"] })
      end
    end)

    it("gives each of many the whole of a large answer", function()
      start()
      local replies = wait.at_once(20, function() return g:get "/big/300000" end)
      for _, reply in ipairs(replies) do
        assert.equal(300000, #reply.body)
      end
    end)

    it("answers functions that end one of two equal calls and ask again", function()
      start()
      local replies = wait.at_once(10, function() return g:get "/twice/20/x" end)
      for _, reply in ipairs(replies) do
        assert.equal('["x","x","x"]', reply.body)
      end
    end)

    it("answers each right, whoever comes and leaves meanwhile", function()
      start(2)
      math.randomseed(11)
      local asked = 0
      local function once(c)
        local id, ms, kind = math.random(4), math.random(0, 8), math.random(10)
        local target = (kind > 7 and "/twice/%d/%d" or "/id/%d/%d"):format(ms, id)
        asked = asked + (kind > 7 and 4 or 1)
        if kind <= 3 then -- leaves, at some time or other
          c:send(http.request(target))
          wait.sleep(math.random(0, 6))
          c[math.random(2) == 1 and "close" or "reset"](c)
          return g:connect()
        end
        local reply = assert(c:ask(target))
        assert.equal(kind > 7 and ('["%d","%d","%d"]'):format(id, id, id) or ('"%d"'):format(id), reply.body)
        return c
      end
      wait.at_once(30, function()
        local c = g:connect()
        for _ = 1, ROUNDS do
          c = once(c)
        end
        c:close()
      end)
      local record = idle()
      assert.equal(0, record.in_flight)
      assert.is_true(record.requests < asked, record.requests .. " of " .. asked)
      assert.equal('"9"', g:get("/id/0/9").body)
    end)
  end)
end
