-- Calls of running functions, backend by backend: what is sent, and what comes of the answer.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local running = require "support.running"

local serve, answer = running.serve, running.answer

describe("a call of a running function", function()
  local backend

  before_each(function()
    backend = running.start()
  end)

  after_each(gateway.clean)
  after_each(faultd.clean)

  describe("to a service", function()
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
      local g = serve [[return api:get("/echo?x=1", { query = { y = "2" },
        forward = { query = { "page", "tag" } } }):wait().body]]
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

    it("that say on the author's line what cannot be sent", function()
      local out = answer [[
        local said = {}
        for i, call in ipairs { api:post("/ok", { json = { f = print } }), api:get("/{"),
          api:get("/ok", { fallback = { 1, nil, 3 } }), api:get("/{a}", { params = { a = {} } }) } do
          said[i] = select(2, pcall(function() return call:wait() end))
        end
        return said]]
      local place = "routes.lua:%d+: "
      for i, text in ipairs { "json.f: a function$", "path: ", "fallback: a list with holes %(no element 2%)$",
        "params: a string, number or boolean is wanted$" } do
        assert.matches("^" .. place .. text, out[i])
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

  describe("to a database", function()
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
      assert.equal([[{"big":9007199254740993,"int":7,"none":null,"null_":null,"real":0.5,"t":"integer",]] ..
        [["text":"'; drop table t; --","yes":1}]],
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
      assert.equal('[{"changes":1,"last_id":1},{"changes":1,"last_id":2},[{"id":1,"v":"a"},{"id":2,"v":"{id}"}],' ..
        '[],502,false,404,"sql",502]',
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
end)
