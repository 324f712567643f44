-- Calls of running functions: what they send, what waiting for them means, and what goes wrong.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local running = require "support.running"
local wait = require "support.wait"

local serve, answer = running.serve, running.answer

describe("a running function", function()
  local backend

  before_each(function()
    backend = running.start()
  end)

  after_each(gateway.clean)
  after_each(faultd.clean)

  describe("that waits for calls", function()
    it("has their results, with status, headers, decoded body, text and time", function()
      local out = answer [[
        local r = api:get("/delay/30/id/7"):wait()
        return { r.ok, r.status, r.body.id, r.text, r.headers["Content-Type"], r.headers["content-type"],
          r.error == nil, r.ms >= 30 and r.ms < 5000 }]]
      assert.same({ true, 200, "7", '{"id":"7"}' }, { out[1], out[2], out[3], out[4] })
      assert.same({ "application/json", true, true }, { out[6], out[7], out[8] })
    end)

    it("runs started calls at once, and knows which are done", function()
      wait.in_time(function()
        local out = answer [[
          local a, b = api:get("/delay/100/id/1"):start(), api:get("/delay/100/id/2"):start()
          local quick = gate.value(3):start()
          local before = a:done()
          local sum = a:wait().body.id .. b:wait().body.id .. quick:wait().body
          return { sum, before, a:done(), quick:done(), a:wait().body.id }]]
        assert.same({ "123", false, true, true, "1" }, out)
        assert.equal(2, backend:record().in_flight_most)
      end)
    end)

    it("waits for a future no longer than it says, and the call goes on", function()
      local g = serve [[
        local f = api:get("/delay/600/id/1"):start()
        local before = gate.left()
        local early = f:wait "20ms"
        local waited = before - gate.left()
        return { early == nil, waited >= 20, f:wait("5s").body.id, waited }]]
      wait.in_time(function() -- the call may land while the gateway does not run
        wait.below(150, function()
          backend:reset()
          local out = g:get("/"):json()
          assert.same({ true, true, "1" }, { out[1], out[2], out[3] })
          assert.equal(1, backend:record().requests)
          return out[4]
        end)
      end)
    end)

    it("cancels a future: the backend sees its connection closed", function()
      local g = serve [[
        local f = api:get("/hang"):start()
        gate.sleep "50ms"
        f:cancel()
        local ok, why = pcall(f.wait, f)
        gate.sleep "1s"
        return { ok, why.status, why.calls[1].kind, f:done() }]]
      wait.in_time(function() -- the backend may hear of the call late, or not at all
        wait.below(100, function()
          local ended
          backend:reset()
          wait.at_once {
            function() assert.same({ false, 502, "cancelled", true }, g:get("/"):json()) end,
            function()
              local record = backend:record_when(function(r) return r.conns[1] and r.conns[1].closed end)
              ended = record.conns[1].closed - record.log[1].at
            end,
          }
          assert(ended >= 30, ended)
          return ended
        end)
      end)
    end)

    it("asks for what depends on what it has", function()
      local out = answer [[
        local me = api:get("/ok", { query = { body = '{"id":42}' } }):wait()
        local got = gate.all {
          posts = api:get("/id/{id}", { params = { id = me.body.id } }),
          again = api:get("/delay/20/id/x"),
        }
        return { posts = got.posts.body, again = got.again.body.id }]]
      assert.same({ posts = { id = "42" }, again = "x" }, out)
    end)

    it("asks for many paths in turn, each with its own parameters", function()
      local out = answer [[
        local from, wrong = { params = { x = "a/b", n = 7 } }, 0
        for turn = 1, 2 do
          for i = 1, 80 do
            from.params.n = turn * i
            local body = api:get("/id/{x}-" .. i .. "-{n}", from):wait().body
            wrong = wrong + (body.id == "a%2Fb-" .. i .. "-" .. turn * i and 0 or 1)
          end
        end
        local ok, why = pcall(function() return api:get("/id/{x", from):wait() end)
        return { wrong, ok, tostring(why) }]]
      assert.same({ 0, false }, { out[1], out[2] })
      assert.matches('a placeholder without its "}"', out[3], 1, true)
    end)

    it("may read of a call what it describes, but not change it", function()
      local out = answer [[
        local one = api:post("/echo", { json = { 1 }, params = { x = 1 }, optional = true, fallback = false })
        local plain = api:get("/id/1")
        return { one.kind, one.backend, one.verb, one.path, one.params.x, one.json[1], one.optional,
          one.fallback, plain.kind, plain.path, plain.json == nil, plain.query == nil,
          (pcall(function() one.path = "/" end)) }]]
      assert.same({ "http", "api", "POST", "/echo", 1, 1, true, false, "http", "/id/1", true, true, false }, out)
      assert.same({ "*", "api", true, false, true }, answer [[
        local one = api:request("/echo", { optional = false, fallback = false })
        local plain = api:get("/id/1", { optional = false })
        return { one.verb, plain.backend, one.optional == nil, one.fallback, plain.optional == nil }]])
    end)

    it("sends them with the service's verb, or with the request's own", function()
      answer [[
        for _, verb in ipairs { "get", "head", "post", "put", "patch", "delete", "request" } do
          api[verb](api, "/ok"):wait()
          api[verb](api, "/id/{x}", { params = { x = 1 }, optional = false }):wait()
        end
        gone.put(api, "/ok"):wait()
        return {}]]
      local sent = {}
      for i, request in ipairs(backend:record().log) do
        sent[i] = request.raw:match "^%u+ %S+"
      end
      assert.same({ "GET /ok", "GET /id/1", "HEAD /ok", "HEAD /id/1", "POST /ok", "POST /id/1", "PUT /ok",
        "PUT /id/1", "PATCH /ok", "PATCH /id/1", "DELETE /ok", "DELETE /id/1", "GET /ok", "GET /id/1",
        "PUT /ok" }, sent)
    end)

    it("starts more than a few at once in the order of their keys", function()
      local out = answer [[
        local calls, results = {}, 0
        for i = 1, 20 do
          calls[i], calls["k" .. i] = api:get("/id/" .. i), api:get("/id/k" .. i)
        end
        for key, result in pairs(gate.all(calls)) do
          results = results + (result.body.id == tostring(key) and 1 or 0)
        end
        return { results }]]
      assert.same({ 40 }, out)
    end)
  end)

  describe("with gate.all", function()
    it("has all results under the keys of the calls", function()
      wait.in_time(function()
        local out = answer [[
          local future = api:get("/id/f"):start()
          local got = gate.all { a = api:get "/delay/80/id/a", [1] = api:get "/delay/80/id/1", [2] = future,
            [true] = gate.value { 5 } }
          local n = 0
          for _ in pairs(got) do n = n + 1 end
          return { got.a.body.id, got[1].body.id, got[2].body.id, got[true].body[1], n,
            next(gate.all {}) == nil }]]
        assert.same({ "a", "1", "f", 5, 4, true }, out)
        assert(backend:record().in_flight_most >= 2)
      end)
    end)

    it("does not wait for what has landed before", function()
      local out = answer [[
        local one, two = api:get("/id/1"):start(), api:get("/id/2"):start()
        local first, left = one:wait().body.id, gate.left()
        two:wait()
        local got = gate.all { one, two }
        local again = gate.all { one, api:get "/id/3" }
        return { first, got[1].body.id, got[2].body.id, again[2].body.id, left - gate.left() < 5000 }]]
      assert.same({ "1", "1", "2", "3", true }, out)
    end)

    it("raises the first required failure and cancels the rest", function()
      local g = serve [[
        local began = gate.left()
        local ok, why = pcall(gate.all, { slow = api:get "/hang", bad = api:get "/delay/50/status/503",
          never = api:get "/hang", fine = api:get("/status/500", { optional = true }) })
        local took = began - gate.left()
        api:get("/held/ok"):wait()
        return { ok, why.status, why.title, why.detail, #why.calls, why.calls[1], took }]]
      wait.in_time(function() -- what is fine may be sent, or answered, too late for what is bad
        wait.below(400, function()
          local reply, record
          backend:reset()
          wait.at_once {
            function() reply = g:get "/" end,
            function() record = backend:release_when_left(2, 5) end,
          }
          local told = reply:json()
          local took = table.remove(told)
          assert.same({ false, 502, "Bad Gateway",
            "the call bad failed: the backend answered with a status that is no success", 1,
            { name = "bad", kind = "status", status = 503 } }, told)
          assert.same({ 2, 5 }, { faultd.left(record), record.requests })
          assert.equal("fine=status", (reply.headers["moongate-partial"] or ""):match "fine=%w+")
          return took
        end)
      end)
    end)

    it("says what it is not given", function()
      local g = serve [[
        local said = {}
        for i, f in ipairs {
          function() gate.all(api:get "/ok") end, function() gate.all "x" end,
          function() gate.all { x = 5 } end, function() gate.all { api:get("/ok"):wait() } end,
        } do
          said[i] = select(2, pcall(f))
        end
        return said]]
      assert.same({
        "routes.lua:6: gate.all takes a table of calls, not a table",
        "routes.lua:6: gate.all takes a table of calls, not \"x\"",
        "routes.lua:7: gate.all: \"x\" is not a call: write users:get(...)",
        "routes.lua:7: gate.all: 1 is not a call: write users:get(...)",
      }, g:get("/"):json())
    end)
  end)

  describe("and time", function()
    it("sleeps, and knows what is left of the request's time", function()
      local g = gateway.start { ["routes.lua"] = running.HEAD:gsub("local api.-\n", "") .. [[
        gate.get("/", { within = "2s", reply = function()
          local a = gate.left()
          gate.sleep "60ms"
          return { a, a - gate.left() }
        end })]] }
      wait.below(120, function()
        local reply = g:get "/"
        local out = reply:json()
        assert(out[1] > 1000 and out[1] <= 2000, out[1])
        assert(out[2] >= 59, out[2])
        assert(reply.ms >= 60)
        return out[2]
      end)
    end)

    it("sleeps through what lands meanwhile, and sleep is no call", function()
      local out = answer([[
        local f = gate.value(1, { delay = "10ms" }):start()
        local a = gate.left()
        gate.sleep "80ms"
        local slept = a - gate.left()
        for _ = 1, 20 do gate.sleep "1ms" end
        return { slept >= 79, f:done(), f:wait().body }]],
        { ["gateway.lua"] = { limits = { calls = 3 }, services = { api = backend.url, gone = backend.url } } })
      assert.same({ true, true, 1 }, out)
    end)

    it("counts from when a call is made, however long the function has worked before", function()
      wait.in_time(function()
        local out = answer([[
          local function work()
            local from = os.clock()
            while os.clock() - from < 0.1 do end
          end
          work()
          local quick = api:get("/id/x", { within = "90ms" }):wait()
          work()
          local before = gate.left()
          gate.sleep "40ms"
          local slept = before - gate.left()
          work()
          local f = gate.value(1, { delay = "20ms" }):start()
          local early = f:wait "5ms"
          return { quick.body.id, slept >= 39, early == nil }]],
          { ["gateway.lua"] = { limits = { script = "2s" }, services = { api = backend.url, gone = backend.url } } })
        assert.same({ "x", true, true }, out)
      end)
    end)

    it("says what is no duration", function()
      local out = answer [[
        local f = gate.value(1):start()
        return { select(2, pcall(function() gate.sleep(10) end)), select(2, pcall(function() f:wait "soon" end)),
          select(2, pcall(function() api:get("/ok"):wait "10ms" end)) }]]
      assert.same({ 'routes.lua:5: gate.sleep: a bare number is no duration: write "10ms"',
        'routes.lua:5: wait: "soon" is no duration: write one such as "200ms"',
        'routes.lua:6: call:wait() takes nothing: put within = "50ms" into the options of the call' }, out)
    end)
  end)

  it("is told what a call is when it takes one for something else", function()
    local out = answer [[
      local call = api:get "/ok"
      local future = call:start()
      local said = {}
      for i, f in ipairs {
        function() return "x" .. call end, function() return call.body end, function() local x = call() return x end,
        function() call.within = "5s" call.odd = 1 end, function() local x = api.get("/ok") return x end,
        function() local x = call.wait() return x end, function() return future.body end, function() return api:gett "/ok" end,
        function() return gate.servce end, function() local x = api:get("/ok", { withn = "1s" }) return x end,
        function() local x = api:get("/ok", { json = {} }) return x end, function() local x = api:get(nil) return x end,
      } do
        said[i] = select(2, pcall(f))
      end
      return said]]
    assert.same({
      'routes.lua:8: a call is a description, not a text: put a placeholder like "{id}" in its path',
      'routes.lua:8: this call has not been run, so it has no "body": say :wait()',
      "routes.lua:8: a call is a description: say :wait() to run it",
    }, { out[1], out[2], out[3] })
    assert.matches("^routes.lua:9: a call is a description: put \"odd\" into its options", out[4]
      :gsub('"within"', '"odd"'))
    assert.equal("routes.lua:9: say backend:get(...), with a colon", out[5])
    assert.equal("routes.lua:10: say call:wait(), with a colon", out[6])
    assert.equal('routes.lua:10: a future has no "body": its result has, say :wait()', out[7])
    assert.matches('routes.lua:10: a service has no verb "gett": did you mean "get"', out[8])
    assert.matches("routes.lua:11: there is no gate.servce: did you mean gate.service", out[9])
    assert.matches('^routes.lua:11: .*withn.*"within"', out[10])
    assert.matches("^routes.lua:12: json: a GET has no body", out[11])
    assert.equal("routes.lua:12: get takes a path, not nothing", out[12])
  end)

  it("cannot crash the gateway by writing into what it is given", function()
    local out = answer [[
      local big = gate.json.decode "12345678901234567890"
      local said = {}
      local function try(f) said[#said + 1] = pcall(f) and "fine" or "raised" end
      for _, x in ipairs { gate.null, big, "x", 7, {}, true } do
        try(function() local r = gate.value(1):wait() r[1] = x return r.body end)
        try(function() local r = gate.value(1):wait() r[2] = x return r.body end)
        try(function() local f = gate.value(1):start() f.id = x return f:wait() end)
        try(function() local f = gate.value(1):start() f.id = 1e6 return gate.all { f } end)
        for _, field in ipairs { "query", "headers", "form", "params", "forward", "accept", "relay", "path", "kind",
          "backend", "verb", "redirects", "fallback" } do
          try(function()
            local call = api:post("/ok", { query = { a = 1 }, headers = { a = "b" }, form = { a = 1 }, params = {},
              forward = { headers = "*" }, accept = { 200 }, relay = { 404 }, redirects = 1, fallback = 1 })
            call[field] = x
            return call:wait()
          end)
        end
        for place = 1, 10 do -- where a short description keeps its fields
          for _, kind in ipairs { "http", "value", 1, 2, 1e9, -1, 0 / 0 } do
            try(function()
              local call = api:post("/id/{x}", { params = { x = 1 }, json = {}, optional = true, fallback = 1 })
              call[1], call[place] = kind, x
              return call:wait()
            end)
          end
        end
      end
      return { #said }]]
    assert.same({ 6 * (17 + 70) }, out)
  end)

  it("ends when it makes more calls than it may, and no pcall sees that", function()
    local files = { ["gateway.lua"] = { limits = { calls = 5 }, services = { api = backend.url, gone = backend.url } } }
    local g = serve([[
      local n = tonumber(req.query.n)
      while true do
        pcall(function() api:get("/ok"):wait() n = n - 1 end)
        if n == 0 then return "done" end
      end]], files)
    assert.equal("done", g:get("/?n=5").body)
    local reply = g:get "/?n=6"
    assert.same({ 500, "the request makes more calls than it may (limits.calls)" }, { reply.status, reply:json().detail })
    assert.equal("done", g:get("/?n=5").body)
  end)

  it("can wait anywhere but inside functions of C, which it is told", function()
    local reply = serve([[
      local t = setmetatable({}, { __index = function(_, k) return api:get("/id/" .. k):wait().body.id end })
      local function each()
        return function(_, i)
          i = (i or 0) + 1
          return i < 3 and api:get("/id/" .. i):wait() and i or nil
        end
      end
      local sum = 0
      for i in each() do sum = sum + i end
      local ok, caught = pcall(function() return api:get("/id/p"):wait().body.id end)
      if req.query.sort then
        table.sort({ 3, 1, 2 }, function(a, b) gate.sleep "1ms" return a < b end)
      end
      return { t.x, sum, caught }]])
    assert.same({ "x", 3, "p" }, reply:get("/"):json())
    assert.equal(500, reply:get("/?sort=1").status)
    wait.till(function() return reply:log():find "string.gsub, table.sort" end)
    assert.matches("routes.lua:%d+: attempt to yield across C%-call boundary: calls cannot be waited for " ..
      "inside string.gsub, table.sort or require",
      reply:log())
  end)
end)

describe("a reply function of a plan", function()
  after_each(gateway.clean)
  after_each(faultd.clean)

  it("has the plan's results under their names, and may itself wait for calls", function()
    local backend = faultd.start()
    local g = gateway.start {
      ["gateway.lua"] = { services = { api = backend.url } },
      ["routes.lua"] = [[
        local gate = require "moongate"
        local api = gate.service "api"
        gate.get("/{id}", {
          calls = { a = api:get "/delay/20/id/{id}", b = api:get("/status/404", { optional = true }),
            c = api:get "/id/{a.body.id}" },
          reply = function(req, got)
            local more = api:get("/delay/10/id/{x}", { params = { x = got.c.body.id } }):wait()
            local n = 0
            for name, one in pairs(got) do n = n + 1 end
            return { got.a.body.id, got.b.ok, got.b.error.kind, got.c.status, more.body.id, n, req.params.id }
          end,
        })]] }
    local reply = g:get "/7"
    assert.same({ "7", false, "status", 200, "7", 3, "7" }, reply:json())
    assert.equal("b=status", reply.headers["moongate-partial"])
  end)

  it("does not run when a required call of the plan failed", function()
    local backend = faultd.start()
    local g = gateway.start {
      ["gateway.lua"] = { services = { api = backend.url } },
      ["routes.lua"] = [[
        local gate = require "moongate"
        local api = gate.service "api"
        gate.get("/", { calls = { a = api:get "/status/500" }, reply = function()
          api:get("/ran"):wait()
          return {}
        end })]] }
    assert.equal(502, g:get("/").status)
    assert.equal(1, backend:record().requests)
  end)
end)
