-- Calls of running functions: what they send, what waiting for them means, and what goes wrong.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local wait = require "support.wait"

local HEAD = [[
local gate = require "moongate"
local api, gone = gate.service "api", gate.service "gone"
]]

describe("a running function", function()
  local backend

  before_each(function()
    backend = faultd.start()
  end)

  after_each(gateway.clean)
  after_each(faultd.clean)

  -- A gateway that answers GET / by running `body`, with `req` in scope.
  local function serve(body, more)
    local files = {
      ["gateway.lua"] = { services = { api = backend.url,
        gone = "http://127.0.0.1:" .. faultd.closed_port() } },
      ["routes.lua"] = HEAD .. "gate.route('*', '/{rest...}', function(req)\n" .. body .. "\nend)\n",
    }
    for path, content in pairs(more or {}) do
      files[path] = content
    end
    return gateway.start(files)
  end

  local function answer(body, more)
    local g = serve(body, more)
    local reply = g:get "/"
    if reply.status ~= 200 then
      wait.till(function() return g:log() ~= "" end, 100)
      error(reply.body .. g:log())
    end
    return reply:json()
  end

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
      local out = answer [[
        local a, b = api:get("/delay/100/id/1"):start(), api:get("/delay/100/id/2"):start()
        local quick = gate.value(3):start()
        local before = a:done()
        local sum = a:wait().body.id .. b:wait().body.id .. quick:wait().body
        return { sum, before, a:done(), quick:done(), a:wait().body.id }]]
      assert.same({ "123", false, true, true, "1" }, out)
      assert.equal(2, backend:record().in_flight_most)
    end)

    it("waits for a future no longer than it says, and the call goes on", function()
      local out = answer [[
        local f = api:get("/delay/200/id/1"):start()
        local before = gate.left()
        local early = f:wait "20ms"
        local waited = before - gate.left()
        return { early == nil, waited >= 20 and waited < 150, f:wait("5s").body.id }]]
      assert.same({ true, true, "1" }, out)
      assert.equal(1, backend:record().requests)
    end)

    it("cancels a future: the backend sees its connection closed", function()
      local g = serve [[
        local f = api:get("/hang"):start()
        gate.sleep "50ms"
        f:cancel()
        local ok, why = pcall(f.wait, f)
        gate.sleep "1s"
        return { ok, why.status, why.calls[1].kind, f:done() }]]
      local ended
      wait.at_once {
        function() assert.same({ false, 502, "cancelled", true }, g:get("/"):json()) end,
        function()
          local record = backend:record_when(function(r) return r.conns[1] and r.conns[1].closed end)
          ended = record.conns[1].closed - record.log[1].at
        end,
      }
      assert(ended >= 30 and ended < 50 + 50 * wait.slack, ended)
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
  end)

  describe("with gate.all", function()
    it("has all results under the keys of the calls", function()
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

    it("raises the first required failure and cancels the rest", function()
      local g = serve [[
        local began = gate.left()
        local ok, why = pcall(gate.all, { slow = api:get "/hang", bad = api:get "/delay/50/status/503",
          never = api:get "/hang", fine = api:get("/status/500", { optional = true }) })
        local took = began - gate.left()
        gate.sleep "500ms"
        return { ok, why.status, why.title, why.detail, #why.calls, why.calls[1], took < 400 }]]
      local reply, record
      wait.at_once {
        function() reply = g:get "/" end,
        function()
          record = backend:record_when(function(r)
            local closed = 0
            for _, conn in ipairs(r.conns) do
              closed = closed + (conn.how == "eof" and 1 or 0)
            end
            return closed == 2
          end, 400)
        end,
      }
      assert.same({ false, 502, "Bad Gateway",
        "the call bad failed: the backend answered with a status that is no success", 1,
        { name = "bad", kind = "status", status = 503 }, true }, reply:json())
      assert.equal(4, record.requests)
      assert.equal("fine=status", reply.headers["moongate-partial"]:match "fine=%w+")
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
      local g = gateway.start { ["routes.lua"] = HEAD:gsub("local api.-\n", "") .. [[
        gate.get("/", { within = "2s", reply = function()
          local a = gate.left()
          gate.sleep "60ms"
          return { a, a - gate.left() }
        end })]] }
      local reply = g:get "/"
      local out = reply:json()
      assert(out[1] > 1000 and out[1] <= 2000, out[1])
      assert(out[2] >= 59 and out[2] < 60 + 60 * wait.slack, out[2])
      assert(reply.ms >= 60)
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

  describe("makes calls", function()
    -- What the backend was sent for one call of /echo.
    local function echo(call, request)
      local reply = serve("return " .. call .. ":wait().body"):get("/", request)
      assert(reply.status == 200, reply.body)
      local out = reply:json()
      out.fields = {}
      for _, field in ipairs(out.headers) do
        out.fields[field[1]:lower()] = field[2]
      end
      return out
    end

    it("of every method", function()
      for verb, method in pairs { get = "GET", put = "PUT", post = "POST", patch = "PATCH", delete = "DELETE" } do
        assert.equal(method, echo(("api:%s '/echo'"):format(verb)).method)
        gateway.clean()
      end
      assert.equal("PUT", echo("api:request '/echo'", { method = "PUT" }).method)
    end)

    it("with a query: lists in their order, names in theirs, everything encoded", function()
      assert.equal("/echo?a=1&b=x%20%26%20y&id=%7Bid%7D&n=9007199254740993&tag=c&tag=a&tag=b&yes=true&z=1000000000000000000000",
        echo([[api:get("/echo", { query = { tag = { "c", "a", "b" }, a = 1, b = "x & y", yes = true,
          id = "{id}", n = gate.json.decode "9007199254740993", z = 1e21 } })]]).target)
      gateway.clean()
      assert.equal("/echo?x=1&y=2", echo([[api:get("/echo?x=1", { query = { y = 2, none = nil } })]]).target)
    end)

    it("with the headers it says, and those that Moongate adds", function()
      local out = echo [[api:get("/echo", { headers = { ["X-Mine"] = "a{id}b", ["x-n"] = 5, Accept = "text/plain" } })]]
      assert.same({ "a{id}b", "5", "text/plain", "127.0.0.1", "gate.test", "http" }, { out.fields["x-mine"],
        out.fields["x-n"], out.fields.accept, out.fields["x-forwarded-for"], out.fields["x-forwarded-host"],
        out.fields["x-forwarded-proto"] })
      assert.matches("^Moongate/", out.fields["user-agent"])
      assert.matches("^%x+$", out.fields["x-request-id"])
    end)

    it("with a body: JSON, form, text or XML, all of it literal", function()
      local cases = {
        { [[json = { id = "{id}", list = gate.list {}, no = gate.null, n = gate.json.decode "12345678901234567890" }]],
          '{"id":"{id}","list":[],"n":12345678901234567890,"no":null}', "application/json" },
        { [[form = { b = "x y&z", a = 1, c = { 1, 2 } }]], "a=1&b=x%20y%26z&c=1&c=2",
          "application/x-www-form-urlencoded" },
        { [[text = "{id} \0 x"]], "{id} \0 x", "text/plain; charset=utf-8" },
        { [[xml = "<id>{id}</id>"]], "<id>{id}</id>", "application/xml" },
        { [[json = { 1 }, headers = { ["content-type"] = "application/vnd.x+json" }]], "[1]",
          "application/vnd.x+json" },
      }
      for _, case in ipairs(cases) do
        local out = echo(('api:post("/echo", { %s })'):format(case[1]))
        assert.same({ case[2], case[3] }, { out.body, out.fields["content-type"] })
        gateway.clean()
      end
    end)

    it("with its own params in the path, encoded; numbers in full", function()
      assert.equal("/echo/a%2Fb%20%7Bx%7D/7/12345678901234567890/100000000000000000000/0.5/%C3%BC?q=%3F",
        echo([[api:get("/echo/{a}/{n}/{big}/{e}/{half}/{u}?q={q}", { params = { a = "a/b {x}", n = 7,
          big = gate.json.decode "12345678901234567890", e = 1e20, half = 0.5, u = "ü", q = "?" } })]]).target)
      gateway.clean()
      assert.equal("/echo/{id}", echo([[api:get("/echo/{{id}", {})]]).target:gsub("%%7B", "{"):gsub("%%7D", "}"))
    end)

    it("that forward what they say of the client's, and nothing else", function()
      local request = { headers = { Authorization = "Bearer x", Cookie = "a=b", ["X-Two"] = "2" } }
      local out = echo([[api:get("/echo", { forward = { headers = { "authorization" } } })]], request)
      assert.same({ "Bearer x" }, { out.fields.authorization, out.fields.cookie, out.fields["x-two"] })
      gateway.clean()
      out = echo([[api:get("/echo", { forward = { headers = "*" } })]], request)
      assert.same({ "Bearer x", "a=b", "2" }, { out.fields.authorization, out.fields.cookie, out.fields["x-two"] })
      gateway.clean()
      local g = serve [[return api:get("/echo?x=1", { query = { y = "2" }, forward = { query = { "page", "tag" } } }):wait().body]]
      assert.equal("/echo?x=1&y=2&page=3&tag=a&tag=b", g:get("/?page=3&other=1&tag=a&tag=b"):json().target)
    end)

    it("that follow redirects only if told to", function()
      local out = answer [[
        local to = "/redirect?to=/id/7"
        local r = api:get(to, { accept = { 302 } }):wait()
        return { r.status, api:get(to, { redirects = 1 }):wait().body.id }]]
      assert.same({ 302, "7" }, out)
    end)

    it("that succeed with what they accept, and relay what they say", function()
      local g = serve [[
        local how = req.query.how
        local r = api:get("/status/" .. req.query.status, { accept = { 404 }, relay = { 410, 422 } }):wait()
        return { ok = r.ok, status = r.status, body = r.body }]]
      assert.same({ ok = true, status = 404, body = { ok = true } }, g:get("/?status=404"):json())
      local reply = g:get "/?status=410"
      assert.same({ 410, "Gone", "api", "status", 410 }, { reply.status, reply:json().title,
        reply:json().calls[1].name, reply:json().calls[1].kind, reply:json().calls[1].status })
      assert.equal(502, g:get("/?status=500").status)
    end)

    it("that may fail: without a body, or with their fallback", function()
      local reply = serve [[
        local got = gate.all {
          a = api:get("/status/500", { optional = true }),
          b = gone:get("/x", { fallback = { items = gate.list {}, n = gate.null } }),
          c = api:get("/hang", { optional = true, within = "30ms" }),
        }
        local a, b, c = got.a, got.b, got.c
        return { a.ok, a.status, a.body == nil, a.text == nil, a.error.kind, b.ok, b.body, b.error.kind,
          b.error.message ~= "", c.error.kind, c.ms >= 29 }]]:get "/"
      assert.equal([=[[false,500,true,true,"status",false,{"items":[],"n":null},"refused",true,"timeout",true]]=],
        reply.body)
      assert.equal("a=status, b=refused, c=timeout", reply.headers["moongate-partial"])
    end)

    it("whose failure ends the request with the status of its kind", function()
      local g = serve [[
        local calls = {
          timeout = function() return api:get("/hang", { within = "30ms" }) end,
          refused = function() return gone:get "/" end,
          reset = function() return api:get "/reset/20" end,
          malformed = function() return api:get "/garbage" end,
          json = function() return api:get "/ok?body=%7B&type=application/json" end,
          status = function() return api:get "/status/503" end,
          missing = function() return api:get "/{id}" end,
        }
        return { calls[req.query.kind]():wait().body }]]
      for kind, status in pairs { timeout = 504, refused = 502, reset = 502, malformed = 502, json = 502,
        status = 502, missing = 502 } do
        local reply = g:get("/?kind=" .. kind)
        local problem = reply:json()
        assert.same({ status, kind == "json" and "malformed" or kind, reply.headers["x-request-id"] },
          { reply.status, problem.calls[1].kind, problem.request_id }, kind)
        assert.equal("application/problem+json", reply.headers["content-type"])
      end
    end)

    it("that are missing a value: nil, null, or what makes no path segment", function()
      local out = answer [[
        local said = {}
        for i, call in ipairs {
          api:get("/by/{id}"), api:get("/by/{id}", { params = { id = nil } }),
          api:get("/by/{id}", { params = { id = gate.null } }), api:get("/by/{id}", { params = { id = "" } }),
          api:get("/by/{id}/x", { params = { id = ".." } }), api:get("/by/{id}", { params = { id = "." } }),
          api:get("/by/" .. ".." .. "/x"), api:get("/by/.?x"), api:get("/ok", { query = { user = gate.null } }),
          api:post("/ok", { form = { user = gate.null } }),
        } do
          local ok, why = pcall(call.wait, call)
          said[i] = ok and "sent" or why.calls[1].kind .. " " .. why.detail:match "failed: (.*)"
        end
        return said]]
      local dots = 'makes a path segment that is empty, "." or ".."'
      assert.same({ "missing id is missing", "missing id is missing", "missing id is missing",
        "missing id " .. dots, "missing id " .. dots, "missing id " .. dots,
        'missing the path has a segment "." or ".."', 'missing the path has a segment "." or ".."',
        "missing query.user is missing", "missing form.user is missing" }, out)
      assert.equal(0, backend:record().requests)
    end)

    it("that cannot leave their service, whatever the path", function()
      local g = serve [[
        local ok, why = pcall(function() return api:get(req.query.path):wait() end)
        return ok and "sent" or type(why) == "table" and why.calls[1].kind or why]]
      for _, path in ipairs { "@evil.test/", "ok", "http://evil.test/", "/a%20b", "/a%0D%0AX:%20y", "/a%23b", "/a%00b" } do
        local said = g:get("/?path=" .. path).body
        assert.not_equal("sent", said, path)
      end
      assert.equal(0, backend:record().requests)
    end)

    it("that are refused CR, LF and NUL in headers", function()
      local out = answer [[
        local said = {}
        for i, value in ipairs { "a\r\nX: y", "a\nb", "a\0b", "a\rb" } do
          said[i] = select(2, pcall(function() return api:get("/ok", { headers = { ["x-a"] = value } }):wait() end))
        end
        said[5] = select(2, pcall(function() return api:get("/ok", { headers = { ["x\r\n"] = "v" } }):wait() end))
        return said]]
      for i, text in ipairs(out) do
        assert(text:find "^routes.lua:%d+: headers", text)
      end
      assert.equal(5, #out)
      assert.equal(0, backend:record().requests)
    end)
  end)

  describe("asks a database", function()
    local DATABASE = { databases = { shop = "sqlite:shop.db" } }
    local function database(body)
      return gateway.start { ["gateway.lua"] = DATABASE, ["routes.lua"] = [[
        local gate = require "moongate"
        local shop = gate.database "shop"
        gate.get("/", function(req)
          shop:run("create table if not exists t (id integer primary key, v)"):wait()
]] .. body .. "\nend)" }
    end

    it("with values of every type, bound and never pasted", function()
      local reply = database([[
        local r = shop:one("select ? as text, ? as int, ? as real, ? as yes, ? as none, ? as null_, ? as big, typeof(?) as t",
          "'; drop table t; --", 7, 0.5, true, nil, gate.null, gate.json.decode "9007199254740993", 3):wait()
        return r.body]]):get "/"
      assert.equal([[{"big":9007199254740993,"int":7,"none":null,"null_":null,"real":0.5,"t":"integer","text":"'; drop table t; --","yes":1}]],
        reply.body)
    end)

    it("for rows, one row, and what a change did", function()
      local reply = database([[
        local a = shop:run("insert into t (v) values (?)", "a"):wait().body
        local b = shop:run("insert into t (v) values (?)", "{id}"):wait().body
        local rows = shop:query("select id, v from t order by id"):wait().body
        local none = shop:query("select id from t where v = ?", "z"):wait().body
        local ok, why = pcall(function() return shop:one("select id from t where v = 'z'"):wait() end)
        local relayed = pcall(function() return shop:one("select 1 where 0", { relay = { 404 } }):wait() end)
        local got = shop:one("select 1 where 0", { accept = { 404 } }):wait()
        local failed = select(2, pcall(function() return shop:query("selec"):wait() end))
        return { a, b, rows, none, why.status, relayed, got.status, failed.calls[1].kind, failed.status }]]):get "/"
      assert.equal([=[[{"changes":1,"last_id":1},{"changes":1,"last_id":2},[{"id":1,"v":"a"},{"id":2,"v":"{id}"}],[],502,false,404,"sql",502]]=],
        reply.body)
    end)

    it("and hears at once that its SQL takes other values", function()
      local reply = database([[
        return { select(2, pcall(function() return shop:one("select ?", {}, 1) end)),
          (select(2, pcall(function() return shop:one("select ?"):wait() end))).calls[1].kind }]]):get "/"
      assert.same({ "routes.lua:5: parameter 1 of the SQL is a table: bind strings, numbers, booleans or gate.null",
        "sql" }, reply:json())
    end)
  end)

  it("reads files: text, JSON, facts, a folder's names", function()
    local g = gateway.start {
      ["gateway.lua"] = { files = { pages = "./pages" } },
      ["pages/a.txt"] = "text {id}", ["pages/b.json"] = '{"n":12345678901234567890,"e":[]}', ["pages/in/c.txt"] = "c",
      ["routes.lua"] = [[
        local gate = require "moongate"
        local pages = gate.files "pages"
        gate.get("/", function(req)
          local names = pages:list("in"):wait().body
          local gone = pages:read("none.txt", { optional = true }):wait()
          local up = select(2, pcall(function() return pages:read("{p}", { params = { p = "../gateway.lua" } }):wait() end))
          return { pages:read("a.txt"):wait().body, pages:json("b.json"):wait().body, pages:stat("a.txt"):wait().body.size,
            names, gone.status, gone.error.kind, pages:json("b.json"):wait().text }
        end)]] }
    local reply = g:get "/"
    assert.equal(200, reply.status, reply.body)
    local out = reply:json()
    assert.same({ "text {id}", 9, 404, "status" }, { out[1], out[3], out[5], out[6] })
    assert.matches('{"e":%[%],"n":12345678901234567890}', reply.body)
    assert.equal('{"n":12345678901234567890,"e":[]}', out[7])
  end)

  it("has constants, late if asked", function()
    local out = answer [[
      local a = gate.left()
      local v = gate.value({ x = "{id}", e = gate.list {} }, { delay = "50ms" }):wait()
      return { v.body.x, #v.body.e, a - gate.left() >= 49, gate.value(nil):wait().body == gate.null,
        gate.value(false):wait().body, v.ok, v.status }]]
    assert.same({ "{id}", 0, true, true, false, true, 200 }, out)
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
      end
      return { #said }]]
    assert.same({ 6 * 17 }, out)
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
      local function each() return function(_, i) i = (i or 0) + 1 if i < 3 then return api:get("/id/" .. i):wait() and i end end end
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
    assert.matches("routes.lua:%d+: attempt to yield across C%-call boundary: calls cannot be waited for inside string.gsub, table.sort or require",
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
