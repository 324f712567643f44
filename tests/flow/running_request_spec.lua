-- The request as running functions see it, and the replies they give.
local gateway = require "support.gateway"
local wait = require "support.wait"

local function serve(body, more)
  local files = { ["routes.lua"] = 'local gate = require "moongate"\n' ..
    "gate.route('*', '/{rest...}', function(req)\n" .. body .. "\nend)\n" }
  for path, content in pairs(more or {}) do
    files[path] = content
  end
  return gateway.start(files)
end

describe("the request in a function", function()
  after_each(gateway.clean)

  it("has its id, method, path, host, address and parameters", function()
    local g = gateway.start { ["routes.lua"] = [[
      local gate = require "moongate"
      gate.route("*", "/a/{name}/{rest...}", function(req)
        return { req.id, req.method, req.path, req.host, req.ip, req.params }
      end)]] }
    local reply = g:get("/a/%C3%BC%2F%7Bx%7D/b/c%20d?x=1", { method = "PUT" })
    assert.same({ reply.headers["x-request-id"], "PUT", "/a/%C3%BC%2F%7Bx%7D/b/c%20d", "gate.test", "127.0.0.1",
      { name = "ü/{x}", rest = "b/c d" } }, reply:json())
  end)

  it("has headers by any case, repeated ones joined, cookies to set as a list", function()
    local g = serve [[
      local names = {}
      for name in pairs(req.headers) do names[#names + 1] = name end
      table.sort(names)
      return { req.headers["X-One"], req.headers["x-one"], req.headers["X-ONE"], req.headers["x-two"],
        req.headers["Set-Cookie"], req.headers.none == nil, req.headers[1] == nil, names }]]
    local out = g:get("/", { headers = { { "X-One", "1" }, { "X-Two", "a" }, { "x-two", "b,c" }, { "Set-Cookie", "a=1" },
      { "set-cookie", "b=2" } } }):json()
    assert.same({ "1", "1", "1", "a, b,c", { "a=1", "b=2" }, true, true, { "host", "set-cookie", "x-one", "x-two" } }, out)
  end)

  it("has thousands of fields of one name without a thousandfold cost", function()
    local g = gateway.start {
      ["gateway.lua"] = { limits = { headers = 10000, header = "1MiB" }, workers = 1 },
      ["routes.lua"] = [[
        local gate = require "moongate"
        gate.get("/function", function(req) return { req.headers.x, req.headers["x-9"] } end)
        gate.get("/template", { reply = { "{headers.x}", "{headers.x-9}" } })
      ]],
    }
    local headers, joined = {}, {}
    for i = 1, 9000 do
      headers[i] = { i % 1000 == 0 and "X-" .. i / 1000 or "X", ("%05d"):format(i) .. ("x"):rep(45) }
      joined[#joined + 1] = i % 1000 ~= 0 and headers[i][2] or nil
    end
    local before = g:rss()
    for _, path in ipairs { "/function", "/template" } do
      assert.same({ table.concat(joined, ", "), headers[9000][2] }, g:get(path, { headers = headers }):json())
    end
    assert.is_true(g:rss() - before < 64 * 1024 * (wait.slack > 1 and 4 or 1), g:rss() - before .. " KiB")
  end)

  it("has the first value of a query field, and cookies", function()
    local g = serve [[return { req.query.tag, req.query["a b"], req.query.empty, req.query.none == nil, req.query.plus,
      req.cookies.sid, req.cookies.b, req.cookies.none == nil }]]
    assert.same({ "x", "ü", "", true, "1 2", "s1", "2", true },
      g:get("/?tag=x&tag=y&a%20b=%C3%BC&empty=&plus=1+2", { headers = { Cookie = "sid=s1; b=2" } }):json())
  end)

  it("has what input declares: converted, with defaults, lists where declared", function()
    local g = gateway.start { ["routes.lua"] = [[
      local gate = require "moongate"
      gate.post("/{id}", { input = { id = "integer", query = { page = { "integer", default = 1 }, tag = "string[]",
        q = "string?" }, headers = { ["X-Flag"] = "boolean" }, body = { n = { "integer", default = 5 } } },
        reply = function(req)
          return { req.params.id + 1, req.query.page, req.query.tag, req.query.q == nil, req.headers["x-flag"],
            req.headers["X-Flag"], req.body.n, req.query.more }
        end })]] }
    assert.same({ 8, 1, { "a", "b" }, true, false, false, 5, "m" },
      g:post("/7?tag=a&tag=b&more=m", { headers = { ["x-flag"] = "false" }, json = { x = 1 } }):json())
  end)

  it("has the body as JSON when first touched: 400 when it is none, 415 when it says so", function()
    local g = serve [[
      if req.query.text then return { text = req.text } end
      return { body = req.body, same = req.body == req.body }]]
    local function status(options)
      options.method = "POST"
      local reply = g:get("/", options)
      return reply.status, reply:json().detail
    end
    assert.same({ body = { a = { 1 } }, same = true }, g:post("/", { json = { a = { 1 } } }):json())
    assert.equal(200, (status { body = "[1]" }))
    assert.equal(200, (status { body = "7", headers = { ["Content-Type"] = "application/problem+json; charset=utf-8" } }))
    assert.same({ 400, "the body is not JSON" }, { status { body = "{" } })
    assert.same({ 400, "the body is not JSON" },
      { status { body = '{"a":1}x', headers = { ["Content-Type"] = "application/json" } } })
    assert.same({ 400, "the request has no body, but JSON is wanted" }, { status {} })
    assert.same({ 415, "the body is not JSON: its Content-Type says something else" },
      { status { body = "a=1", headers = { ["Content-Type"] = "application/x-www-form-urlencoded" } } })
    assert.same({ text = "{" }, g:post("/?text=1", { body = "{" }):json())
    assert.same({ text = "" }, g:get("/?text=1"):json())
  end)

  it("has a form, and its text byte for byte", function()
    local g = serve [[
      if req.query.raw then return req.text end
      return { req.form.a, req.form["b c"], req.form.none == nil }]]
    assert.same({ "1 2", "ü&", true }, g:post("/", { body = "a=1+2&b%20c=%C3%BC%26&a=x" }):json())
    local bytes = {}
    for i = 0, 255 do bytes[i + 1] = string.char(i) end
    assert.equal(table.concat(bytes), g:post("/?raw=1", { body = table.concat(bytes) }).body)
  end)

  it("has decoded bodies that are plain tables", function()
    local g = serve [[
      local b = req.body
      local keys, n = {}, 0
      for key in pairs(b) do keys[#keys + 1] = key end
      table.sort(keys)
      for i, one in ipairs(b.list) do n = n + i * one end
      table.insert(b.list, 9)
      table.insert(b.list, 1, 0)
      table.sort(b.list, function(x, y) return x > y end)
      table.remove(b.list)
      b.new = { x = 1 }
      rawset(b.list, 4, -1)
      return { keys = keys, n = n, list = b.list, count = #b.list, join = table.concat(b.list, ","), empty = b.empty,
        next = next(b.empty) == nil, null = b.null == gate.null, deep = b.null.x == nil, back = b }]]
    local reply = g:post("/", { body = '{"list":[3,1,2],"empty":[],"null":null,"o":{}}' })
    assert.equal(200, reply.status, g:log())
    assert.equal('{"back":{"empty":[],"list":[9,3,2,-1],"new":{"x":1},"null":null,"o":{}},"count":4,"deep":true,' ..
      '"empty":[],"join":"9,3,2,-1","keys":["empty","list","null","o"],"list":[9,3,2,-1],"n":11,"next":true,"null":true}',
      reply.body)
  end)

  it("is kept longer than the request in what was touched only", function()
    local g = gateway.start { ["gateway.lua"] = { workers = 1 }, ["routes.lua"] = [[
      local gate = require "moongate"
      local kept = {}
      gate.post("/keep", function(req)
        local touched, path = req.body, req.path
        kept.req, kept.result = req, gate.value { 1 }:wait()
        kept.future = gate.value(1):start()
        return { touched.a }
      end)
      gate.get("/use", function()
        local said = {}
        for i, f in ipairs { function() return kept.req.body.a end, function() return kept.req.path end,
          function() return kept.req.query.x end, function() return kept.result.body end, function() return kept.result.ok end,
          function() return kept.future:wait() end } do
          said[i] = tostring(select(2, pcall(f)))
        end
        return said
      end)]] }
    assert.same({ 7 }, g:post("/keep", { json = { a = 7 } }):json())
    local out = g:get("/use"):json()
    assert.same({ "7", "/keep", "true" }, { out[1], out[2], out[5] })
    assert.matches("the request has ended: copy what is needed of it before$", out[3])
    assert.matches("the request has ended: copy what is needed of it before$", out[4])
    assert.matches("no such call$", out[6])
  end)
end)

describe("a function's reply", function()
  after_each(gateway.clean)

  local function reply_of(body, options)
    local g = serve(body)
    return g:get("/", options), g
  end

  it("is JSON for a table and text for a string", function()
    local reply = reply_of "return { b = 1, a = { gate.null, gate.list {}, {} } }"
    assert.same({ 200, "application/json", '{"a":[null,[],{}],"b":1}' },
      { reply.status, reply.headers["content-type"], reply.body })
    reply = reply_of "return 'text \\0 {id}'"
    assert.same({ 200, "text/plain; charset=utf-8", "text \0 {id}" }, { reply.status, reply.headers["content-type"], reply.body })
    assert.equal("", reply_of("return ''").body)
    assert.equal("null", reply_of("return gate.null").body)
    assert.equal("[]", reply_of("return gate.list {}").body)
    assert.equal("{}", reply_of("return {}").body)
  end)

  it("keeps the digits of whole numbers beyond 2^53 and writes the others in their shortest form", function()
    local g = serve [[local b = req.body b.sum = b.half * 2 b.text = b.big .. "!" b.raw = gate.json.raw ' [1.0, 2] ' return b]]
    assert.equal('{"big":12345678901234567890,"e":1e21,"half":0.5,"i":-9007199254740993,"n":1,"raw":[1.0, 2],' ..
      '"sum":1,"text":"12345678901234567890!"}',
      g:post("/", { body = '{"half":0.50,"n":1.0,"big":12345678901234567890,"i":-9007199254740993,"e":1000e18}' }).body)
    g = serve "return { req.body.big + 1 }"
    assert.equal(500, g:post("/", { body = '{"big":12345678901234567890}' }).status)
  end)

  it("has its keys in byte order, whatever the order they came in", function()
    local reply = reply_of [[
      local t = {}
      for _, key in ipairs { "b", "ä", "a", "Z", "_", "aa", "", "10", "9" } do t[key] = 1 end
      return t]]
    assert.equal('{"":1,"10":1,"9":1,"Z":1,"_":1,"a":1,"aa":1,"b":1,"ä":1}', reply.body)
  end)

  it("says with gate.reply its status, headers and body", function()
    local reply = reply_of [[return gate.reply { status = 201, headers = { Location = "/x", ["X-N"] = 5,
      ["Set-Cookie"] = { "a=1", "b=2" } }, json = { ok = true } }]]
    assert.same({ 201, "/x", "5", "a=1, b=2", "application/json", '{"ok":true}' }, { reply.status, reply.headers.location,
      reply.headers["x-n"], reply.headers["set-cookie"], reply.headers["content-type"], reply.body })
    for kind, case in pairs {
      text = { "text = 'é'", "text/plain; charset=utf-8", "é" }, html = { "html = '<p>'", "text/html; charset=utf-8", "<p>" },
      body = { "body = '\\0\\255'", "application/octet-stream", "\0\255" },
      null = { "json = gate.null", "application/json", "null" },
      own = { "json = { 1 }, headers = { ['content-type'] = 'application/vnd.x+json' }", "application/vnd.x+json", "[1]" },
      empty = { "text = ''", nil, "" }, none = { "status = 202", nil, "" },
    } do
      reply = reply_of(("return gate.reply { %s }"):format(case[1]))
      assert.same({ case[2], case[3] }, { reply.headers["content-type"], reply.body }, kind)
      assert.equal(tostring(#case[3]), reply.headers["content-length"])
      gateway.clean()
    end
  end)

  it("has no body where HTTP has none", function()
    local reply = reply_of "return gate.reply { status = 204 }"
    assert.same({ 204, "" }, { reply.status, reply.body })
    assert.is_nil(reply.headers["content-length"])
    assert.is_nil(reply.headers["content-type"])
    local g = serve "return { 1, 2 }"
    reply = g:get("/", { method = "HEAD" })
    assert.same({ 200, "", "5", "application/json" }, { reply.status, reply.body, reply.headers["content-length"],
      reply.headers["content-type"] })
  end)

  it("redirects", function()
    local reply = reply_of "return gate.redirect '/elsewhere?x=1'"
    assert.same({ 302, "/elsewhere?x=1", "" }, { reply.status, reply.headers.location, reply.body })
    assert.equal(308, reply_of("return gate.redirect('https://example.test/', 308)").status)
  end)

  it("is refused where it cannot be sent", function()
    local g = serve [[
      local said = {}
      for i, f in ipairs {
        function() gate.reply(5) end, function() gate.reply { stauts = 200 } end, function() gate.reply { status = 99 } end,
        function() gate.reply { status = "200" } end, function() gate.redirect "/a\r\nX: y" end, function() gate.redirect() end,
        function() gate.reply { status = 101 } end,
      } do
        said[i] = (select(2, pcall(f)))
      end
      return said]]
    local out = g:get("/"):json()
    assert.same({
      "routes.lua:5: gate.reply takes a table, not 5",
      'routes.lua:5: gate.reply: unknown key "stauts": did you mean "status"?',
      "routes.lua:5: gate.reply: status is a whole number from 200 to 599, not 99",
      'routes.lua:6: gate.reply: status is a whole number from 200 to 599, not "200"',
      "routes.lua:6: gate.redirect: CR, LF and NUL cannot be part of a header",
      "routes.lua:6: gate.redirect: takes a URL",
      "routes.lua:7: gate.reply: status is a whole number from 200 to 599, not 101",
    }, out)
    for body, log in pairs {
      ["(function() local r = gate.reply {} r.status = 0 return r end)()"] = "status is a whole number",
      ["gate.reply { json = 1, text = 'x' }"] = "json and text: a reply has one body",
      ["gate.reply { text = 5 }"] = "text must be a string, not 5",
      ["gate.reply { headers = { ['a b'] = 'c' } }"] = "headers: no name for a header",
      ["gate.reply { headers = { a = 'b\\r\\nc: d' } }"] = "headers: CR, LF and NUL cannot be part of a header",
      ["gate.reply { headers = { a = true } }"] = "headers: a must be a string, not true",
      ["gate.reply { headers = { ['content-length'] = '1' } }"] = "headers: Moongate writes this header itself",
      ["gate.reply { headers = { { 'a', 'b' } } }"] = "headers: a name is a string, not 1",
    } do
      local reply, one = reply_of("return " .. body)
      assert.equal(500, reply.status, body)
      assert(wait.till(function() return one:log():find(log, 1, true) end, 10000), body .. one:log())
      gateway.clean()
    end
  end)

  it("decodes and encodes JSON by hand", function()
    local reply = reply_of [[
      local value, why = gate.json.decode "[1,"
      local nothing = gate.json.decode '{"a":[],"b":null,"n":12345678901234567890}'
      return { value == nil, why, gate.json.encode(nothing), #nothing.a, nothing.b == gate.null,
        nothing.n == gate.json.decode "12345678901234567890", select(2, pcall(gate.json.encode, { print })),
        gate.json.encode "ä\n\0", gate.json.encode(0.1), gate.json.encode(-0.0), pcall(gate.json.raw, "{") }]]
    assert.equal(200, reply.status)
    assert.same({ true, "not JSON: cut short after byte 3", '{"a":[],"b":null,"n":12345678901234567890}', 0, true, true,
      "value[1]: a function", '"ä\\n\\u0000"', "0.1", "-0", false }, { unpack(reply:json(), 1, 11) })
  end)
end)

describe("the sandbox of functions", function()
  after_each(gateway.clean)

  it("refuses a global, at load and while running, so that no request leaves anything to the next", function()
    local code, text = gateway.check { ["routes.lua"] = "local gate = require 'moongate'\ncounter = 1\n" }
    assert.same({ 1, true }, { code, text:find("routes.lua:2: writing a global is an error: say local counter", 1, true) ~= nil })
    local g = serve [[
      local said = {}
      for i, f in ipairs {
        function() leak = (leak or 0) + 1 end, function() _G.leak = 1 end, function() rawset(_G, "leak", 1) end,
        function() string.leak = 1 end, function() ("x").leak = 1 end, function() gate.leak = 1 end,
        function() gate.json.leak = 1 end, function() gate.service = 1 end, function() rawset(gate, "x", 1) end,
        function() table.insert(_G, 1) end, function() table.insert(string, 1) end, function() table.insert(gate, 1) end,
        function() table.insert(getmetatable("x"), 1) end, function() setmetatable(_G, {}) end,
        function() setmetatable(gate, nil) end,
        function() getmetatable(_G).__newindex = nil end, function() getmetatable("").__index = nil end,
        function() getmetatable(gate.null).x = 1 end, function() getmetatable(req).x = 1 end, function() gate.null.x = 1 end,
        function() table.sort(gate) table.remove(gate) error("fine") end,
        function() math.pi = 3 end, function() require("moongate").leak = 1 end, function() debug.x() end,
      } do
        said[i] = pcall(f) and "done" or "refused"
      end
      local left = {}
      for _, t in ipairs { _G, string, table, math, gate, gate.json, gate.null } do
        for key in next, t == gate.null and {} or t do left[#left + 1] = tostring(key) end
        left[#left + 1] = rawget(t == gate.null and {} or t, 1)
      end
      return { said = table.concat(said, " "):gsub("refused ?", ""), left = left, leak = leak }]]
    for _ = 1, 1000 / (wait.slack > 1 and 10 or 1) do
      local reply = g:get "/"
      assert.equal('{"left":[],"said":""}', reply.body:gsub('"left":{}', '"left":[]'), g:log())
    end
  end)

  it("loads a module once per worker, and a module cannot wait while it is loaded", function()
    local g = serve([[
      if req.query.wait then return { pcall(require, "lib.waits") } end
      local a, b = require "lib.counter", require "lib.counter"
      return { same = a == b, loads = a.loads }]], {
      ["gateway.lua"] = { workers = 1 },
      ["lib/counter.lua"] = [[
        local gate = require "moongate"
        return { loads = gate.value(1) and 1 }]],
      ["lib/waits.lua"] = [[
        local gate = require "moongate"
        return gate.value(1, { delay = "10ms" }):wait().body]],
    })
    for _ = 1, 3 do
      assert.same({ same = true, loads = 1 }, g:get("/"):json())
    end
    local many = wait.at_once(5, function() return g:get("/?wait=1").body end)
    for _, body in ipairs(many) do
      assert.matches("lib/waits.lua:2: a module cannot wait while it is loaded", body)
    end
  end)

  it("makes no call for a module that is loaded, however often that is tried", function()
    local forms = { wait = "one:wait()", start = "one:start()", all = "gate.all { one }", first = "gate.first { one }",
      map = "gate.map({ 1 }, function() return one end)", each = "gate.as_completed { one }" }
    local files = { ["gateway.lua"] = { limits = { compute_threads = 1 } },
      ["lib/tell.lua"] = "return { tell = function(name) print('told by ' .. name) return true end }" }
    for name, form in pairs(forms) do
      files["lib/" .. name .. ".lua"] = ([[
        local gate = require "moongate"
        local one = gate.compute("lib.tell", "tell", { args = { "%s" } })
        return { it = %s }]]):format(name, form)
    end
    local g = serve([[
      local ok, why = pcall(require, "lib." .. req.params.rest)
      if ok then return { gate.compute("lib.tell", "tell", { args = { "a function" } }):wait().body } end
      return { why }]], files)
    for name in pairs(forms) do
      for _ = 1, 2 do
        assert.matches("lib/" .. name .. ".lua:3: a module cannot wait while it is loaded, nor make calls", g:get("/" .. name).body)
      end
    end
    assert.equal("[true]", g:get("/tell").body)
    assert(wait.till(function() return g:log():find("told by a function", 1, true) end))
    for name in pairs(forms) do
      assert.is_nil(g:log():find("told by " .. name, 1, true))
    end
  end)
end)
