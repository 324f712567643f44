-- What running functions raise, and what they return by mistake: what the client hears of it, and
-- what the log says.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local wait = require "support.wait"

describe("a running function that raises", function()
  after_each(gateway.clean)
  after_each(faultd.clean)

  local function serve(routes, more)
    local files = { ["routes.lua"] = 'local gate = require "moongate"\n' .. routes }
    for path, content in pairs(more or {}) do
      files[path] = content
    end
    return gateway.start(files)
  end

  -- The log's line about a request, without the time and what names the request.
  local function logged(g, reply)
    local id = reply.headers["x-request-id"]
    local line = wait.till(function() return g:log():match("[^\n]*" .. id .. "[^\n]*\n") end, 10000)
    return line and line:match "%): (.*)\n$"
  end

  describe("a problem", function()
    it("with gate.fail: status, title, detail, members and headers", function()
      local g = serve [[
        gate.get("/", function(req)
          gate.fail(404, "no such account", { headers = { ["X-Why"] = "gone", ["set-cookie"] = { "a=1", "b=2" } },
            account = { id = 7, tags = gate.list {} }, ["type"] = "https://example.test/gone",
            status = 200, request_id = "x", title = "y" })
        end)
        gate.get("/bare", function() gate.fail(503) end)
        gate.get("/odd", function() gate.fail(499, 5) end)]]
      local reply = g:get "/"
      assert.equal(([[{"title":"Not Found","status":404,"detail":"no such account","request_id":"%s",]] ..
        [["account":{"id":7,"tags":[]},"type":"https://example.test/gone"}]]):format(
        reply.headers["x-request-id"]), reply.body)
      assert.same({ 404, "application/problem+json", "gone", "a=1, b=2" }, { reply.status,
        reply.headers["content-type"], reply.headers["x-why"], reply.headers["set-cookie"] })
      reply = g:get "/bare"
      assert.same({ 503, "Service Unavailable", "1" }, { reply.status, reply:json().title,
        reply.headers["retry-after"] })
      assert.is_nil(reply:json().detail)
      reply = g:get "/odd"
      assert.same({ 499, "Error", "5" }, { reply.status, reply:json().title, reply:json().detail })
      assert.equal("", g:log())
    end)

    it("is a table that pcall sees: status, title, detail, calls, file and line", function()
      local backend = faultd.start()
      local g = serve([[
        local api = gate.service "api"
        local function fetch()
          local r = api:get("/status/500"):wait()
          return r
        end
        local function tail()
          return api:get("/status/418"):wait()
        end
        gate.get("/", function()
          local said = {}
          for i, f in ipairs { fetch, tail, function() gate.fail(400, "x") end } do
            local ok, why = pcall(f)
            said[i] = { ok, why.status, why.title, why.detail, why.calls or gate.null, why.file, why.line, tostring(why) }
          end
          return said
        end)]], { ["gateway.lua"] = { services = { api = backend.url } } })
      local detail = "the call api failed: the backend answered with a status that is no success"
      local out = g:get("/"):json()
      assert.same({ false, 502, "Bad Gateway", detail, { { name = "api", kind = "status", status = 500 } },
        "routes.lua", 4, "routes.lua:4: 502 Bad Gateway: " .. detail }, out[1])
      assert.same({ 418, "routes.lua", 13 }, { out[2][5][1].status, out[2][6], out[2][7] })
      local null = require("dkjson").null
      assert.same({ false, 400, "Bad Request", "x", null, "routes.lua", 12, "routes.lua:12: 400 Bad Request: x" },
        { out[3][1], out[3][2], out[3][3], out[3][4], null, out[3][6], out[3][7], out[3][8] })
    end)

    it("can be caught, changed and raised again", function()
      local g = serve [[
        local problems = {
          changed = function(why) why.detail = "other" error(why) end,
          nonsense = function(why) why.status = "x" error(why, 0) end,
          odd = function(why) why.calls = print error(why) end,
          header = function(why) why.headers = { ["x"] = "a\nb" } error(why) end,
        }
        gate.get("/", function(req)
          local ok, why = pcall(gate.fail, 404, "first")
          problems[req.query.how](why)
        end)]]
      local reply = g:get "/?how=changed"
      assert.same({ 404, "other" }, { reply.status, reply:json().detail })
      for _, how in ipairs { "nonsense", "odd", "header" } do
        reply = g:get("/?how=" .. how)
        assert.same({ 500, "an error in the route's script" }, { reply.status, reply:json().detail })
        assert.matches("^the problem that was raised cannot be sent: ", logged(g, reply))
      end
    end)

    it("is refused where it is raised when it cannot be sent", function()
      local g = serve [[
        gate.get("/", function(req)
          local said = {}
          for i, args in ipairs { { 200 }, { "404" }, { 404.5 }, { 404, "x", "y" }, { 404, "x", { 1 } },
            { 404, "x", { f = print } }, { 404, "x", { headers = { ["a b"] = "c" } } },
            { 404, "x", { headers = { a = "c\r\nd: e" } } }, { 404, "x", { headers = 5 } } } do
            said[i] = select(2, pcall(function() gate.fail(unpack(args)) end))
          end
          return said
        end)]]
      assert.same({
        "routes.lua:7: gate.fail: the status is a whole number from 400 to 599, not 200",
        'routes.lua:7: gate.fail: the status is a whole number from 400 to 599, not "404"',
        "routes.lua:7: gate.fail: the status is a whole number from 400 to 599, not 404.5",
        'routes.lua:7: gate.fail: members are a table, not "y"',
        "routes.lua:7: gate.fail: a member's name is a string, not 1",
        "routes.lua:7: gate.fail: members.f: a function",
        "routes.lua:7: gate.fail: headers: no name for a header: letters, digits and hyphens make one",
        "routes.lua:7: gate.fail: headers: CR, LF and NUL cannot be part of a header",
        "routes.lua:7: gate.fail: headers: must be a table, not 5",
      }, g:get("/"):json())
    end)
  end)

  describe("an error", function()
    local function refused(g, path)
      local reply = g:get(path)
      assert.equal(([[{"title":"Internal Server Error","status":500,"detail":"an error in the route's script",]] ..
        [["request_id":"%s"}]]):format(reply.headers["x-request-id"]), reply.body)
      return logged(g, reply), reply
    end

    it("is a 500 that tells nothing; the log has its place and the way there, on one line", function()
      local g = serve([[
        local prices = require "lib.prices"
        local function total(list)
          local sum = prices.sum(list)
          return sum
        end
        gate.get("/secret/{x}", function(req)
          local t = total({ 1, req.params.x })
          return { t }
        end)]], { ["lib/prices.lua"] = [[
          local prices = {}
          function prices.sum(list)
            local sum = 0
            for _, one in ipairs(list) do
              sum = sum + one.price
            end
            return sum
          end
          return prices]] })
      local log, reply = refused(g, "/secret/x")
      assert.equal("lib/prices.lua:5: attempt to index local 'one' (a number value) " ..
        "(at lib/prices.lua:5 in sum, routes.lua:4 in total, routes.lua:8)", log)
      assert.matches("error GET /secret/x %(request " .. reply.headers["x-request-id"] .. "%): lib/prices", g:log())
      local _, lines = g:log():gsub("\n", "")
      assert.equal(1, lines)
    end)

    it("may be of any kind", function()
      local g = serve [[
        local raise = {
          text = function() error "a text" end, plain = function() error("plain", 0) end, far = function() error("far", 2) end,
          number = function() error(5) end, none = function() error() end, yes = function() error(true) end,
          message = function() error { message = "in a table" } end, list = function() error { 1, 2 } end,
          fn = function() error(print) end, object = function() error(setmetatable({}, { __tostring = error })) end,
          lines = function() error "two\nlines\r\0" end, null = function() error(gate.null) end,
          assert = function() assert(nil, "asserted") end, long = function() error(("x"):rep(100000)) end,
        }
        gate.get("/{how}", function(req)
          local made = raise[req.params.how]()
          return made
        end)]]
      for how, text in pairs {
        text = "routes.lua:3: a text (at routes.lua:3, routes.lua:11)",
        plain = "routes.lua:3: plain (at routes.lua:3, routes.lua:11)",
        far = "routes.lua:11: far (at routes.lua:3, routes.lua:11)",
        number = "routes.lua:4: 5 (at routes.lua:4, routes.lua:11)",
        none = "routes.lua:4: an error that is nil (at routes.lua:4, routes.lua:11)",
        yes = "routes.lua:4: an error that is a boolean (at routes.lua:4, routes.lua:11)",
        message = "routes.lua:5: in a table (at routes.lua:5, routes.lua:11)",
        list = "routes.lua:5: an error that is a table (at routes.lua:5, routes.lua:11)",
        fn = "routes.lua:6: an error that is a function (at routes.lua:6, routes.lua:11)",
        object = "routes.lua:6: an error that is a table (at routes.lua:6, routes.lua:11)",
        null = "routes.lua:7: an error that is a userdata (at routes.lua:7, routes.lua:11)",
        assert = "routes.lua:8: asserted (at routes.lua:8, routes.lua:11)",
      } do
        assert.equal(text, refused(g, "/" .. how):gsub(" in raise", ""):gsub(" in %?", ""), nil)
      end
      assert.matches("^routes.lua:7: two\\x0alines\\x0d", (refused(g, "/lines")))
      assert(#refused(g, "/long") < 3000)
    end)

    it("after a wait is told no worse", function()
      local g = serve [[
        gate.get("/", function(req)
          gate.sleep "5ms"
          local x = nil + 1
          return x
        end)]]
      assert.equal("routes.lua:4: attempt to perform arithmetic on a nil value (at routes.lua:4)", (refused(g, "/")))
    end)

    it("from too deep a recursion is told with the route's place", function()
      local g = serve [[
        local function deep(n) return 1 + deep(n + 1) end
        gate.get("/", function() return deep(1) end)
        gate.get("/again", function()
          local ok, why = pcall(deep, 1)
          return { ok, why:match "stack overflow" }
        end)]]
      assert.matches("^routes.lua:%d+: .*stack overflow", (refused(g, "/")))
      assert.same({ false, "stack overflow" }, g:get("/again"):json())
    end)

    it("from indexing a failed call's nil body names the call and its failure", function()
      local backend = faultd.start()
      local g = serve([[
        local api = gate.service "api"
        gate.get("/field", { calls = { user = api:get("/status/500", { optional = true }) }, reply = function(req, got)
          return { got.user.body.name }
        end })
        gate.get("/local", function()
          local body = api:get("/hang", { optional = true, within = "20ms" }):wait().body
          return { body.name }
        end)
        gate.get("/text", function()
          local got = gate.all { page = api:get("/status/404", { optional = true }) }
          return { got.page.text:upper() }
        end)
        gate.get("/other", function(req)
          local r = api:get("/status/500", { optional = true }):wait()
          if r.body then return r.body end
          return { req.query.nothing.x }
        end)
        gate.get("/later", function(req)
          local none
          return { none.x }
        end)]], { ["gateway.lua"] = { services = { api = backend.url } } })
      assert.equal("routes.lua:4: attempt to index field 'body' (a nil value): the body of user is nil, since the call " ..
        "failed: status (the backend answered with a status that is no success) (at routes.lua:4)", (refused(g, "/field")))
      assert.equal("routes.lua:8: attempt to index local 'body' (a nil value): the body of api is nil, since the call " ..
        "failed: timeout (no answer in time) (at routes.lua:8)", (refused(g, "/local")))
      assert.matches("routes.lua:12: .*the text of page is nil, since the call failed: status", (refused(g, "/text")))
      assert.equal("routes.lua:17: attempt to index field 'nothing' (a nil value) (at routes.lua:17)", (refused(g, "/other")))
      assert.equal("routes.lua:21: attempt to index local 'none' (a nil value) (at routes.lua:21)", (refused(g, "/later")))
    end)

    it("says of what is for plans what a function does instead", function()
      local g = serve([[
        local api = gate.service "api"
        gate.get("/when", function() api:get("/ok", { when = function() end }) end)
        gate.get("/needs", function() api:get("/ok", { needs = "other" }) end)]],
        { ["gateway.lua"] = { services = { api = "http://127.0.0.1:1" } } })
      assert.matches("routes%.lua:3: when: when is for plans: in a running function, write if", (refused(g, "/when")))
      assert.matches("routes%.lua:4: needs: needs is for plans: in a running function, wait for the other call first",
        (refused(g, "/needs")))
    end)

    it("says what the sandbox withholds", function()
      local g = serve [[gate.get("/", function() return { io.open "x" } end)]]
      assert.matches("global 'io' %(a nil value%): routes have no io: files are read by calls: gate.files", (refused(g, "/")))
    end)
  end)

  describe("nothing, but returns what is no reply,", function()
    local function detail(g, path)
      local reply = g:get(path)
      assert.equal(500, reply.status)
      return reply:json().detail, logged(g, reply)
    end

    it("says so to the client, and where in the log", function()
      local g = serve [[
        gate.get("/nothing", function()
          local x = 1
        end)
        gate.get("/nil", function() return nil end)
        gate.get("/true", function() return true end)
        gate.get("/number", function() return 42 end)
        gate.get("/function", function() return print end)]]
      local wanted = ": a table (JSON), a string (text) or gate.reply { ... } is wanted"
      for path, what in pairs { nothing = "nothing", ["nil"] = "nothing", ["true"] = "true", number = "42",
        ["function"] = "a function" } do
        local said, log = detail(g, "/" .. path)
        assert.equal("the route's function returned " .. what .. wanted, said)
        assert.matches("^routes.lua:%d: " .. what:gsub("^", "the route's function returned "), log)
      end
      assert.matches("^routes.lua:2: ", select(2, detail(g, "/nothing")))
    end)

    it("names what JSON cannot say, in the log", function()
      local backend = faultd.start()
      local g = serve([[
        local api = gate.service "api"
        gate.get("/{how}", function(req)
          local bad = {
            hole = { items = { 1, nil, 3 } }, mixed = { a = { b = { 1, x = 2 } } }, fn = { f = print }, nan = { n = 0 / 0 },
            inf = { 1, { math.huge } }, key = { [true] = 1 }, fraction = { [1.5] = 1 }, call = { me = api:get "/ok" },
            result = { me = api:get("/ok"):wait() }, bare = api:get("/ok"):wait(), req = { req },
            json = gate.reply { json = { x = print } },
          }
          bad.loop = {}
          bad.loop.loop = bad.loop
          local made = bad[req.params.how]
          return made
        end)]], { ["gateway.lua"] = { services = { api = backend.url } } })
      for how, text in pairs {
        hole = "reply.items: a list with holes (no element 2)", mixed = 'reply.a.b: a list with the key "x"',
        fn = "reply.f: a function", nan = "reply.n: not a number (NaN)", inf = "reply[2][1]: an infinite number",
        key = "reply: a boolean as a key", fraction = "reply: the number 1.5 as a key (only elements 1..n have numbers)",
        call = "reply.me: a call that was not run: say :wait()", json = "json.x: a function",
        result = "reply.me: the result of a call: its body is wanted", bare = "reply: the result of a call: its body is wanted",
      } do
        local said, log = detail(g, "/" .. how)
        assert.equal("an error in the route's script", said)
        assert.equal("routes.lua:3: " .. text, log)
      end
      assert.matches("does a table contain itself", select(2, detail(g, "/loop")))
      assert.equal("routes.lua:3: reply[1]: the request: its parts are wanted", (select(2, detail(g, "/req"))))
    end)
  end)
end)
