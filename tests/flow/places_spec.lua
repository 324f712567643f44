-- What placeholders become where they stand: percent-encoded, escaped, bound, refused.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local problem = require "support.problem"

local routes = [=[
local gate = require "moongate"
local users, shop, pages = gate.service "users", gate.database "shop", gate.files "pages"
local function echo(call) return { calls = { it = call }, reply = "{it.body}" } end
local from = users:get "/ok?body={query.b}"

gate.get("/path/{id}",        echo(users:get "/echo/{id}/x?from={id}"))
gate.get("/affix/{id}",       echo(users:get "/echo/a{id}b"))
gate.get("/dot/{id}",         echo(users:get "/echo/.{id}"))
gate.get("/last/{id}",        echo(users:get "/echo/{id}"))
gate.get("/two/{a}/{b}",      echo(users:get "/echo/{a}{b}/"))
gate.get("/rest/{rest...}",   echo(users:get "/echo/{rest}"))
gate.get("/rest-in/{rest...}", echo(users:get "/echo/x{rest}/y?q={rest}"))
gate.get("/query-path",       echo(users:get "/echo/{query.q}"))
gate.get("/result-path",      { calls = { from = from, it = users:get "/echo/{from.body.v}" }, reply = "{it.body}" })

gate.get("/query", echo(users:get("/echo?fixed=1", { query = {
  q = "{query.q}", ["a b"] = "x{query.q}y", n = 1, yes = true, text = "&=" } })))
gate.get("/query-of", { calls = { from = from, it = users:get("/echo", { query = { v = "{from.body.v}" } }) },
  reply = "{it.body}" })
gate.get("/query-in", { calls = { from = from, it = users:get "/echo?a=1&v={from.body.v}" }, reply = "{it.body}" })

gate.get("/header", echo(users:get("/echo", { headers = { ["x-q"] = "<{query.q}>", ["x-n"] = 7 } })))
gate.get("/header-of", { calls = { from = from, it = users:get("/echo", { headers = { ["x-v"] = "{from.body.v}" } }) },
  reply = "{it.body}" })

gate.get("/json", { calls = { from = from, it = users:post("/echo", { json = {
  v = "{from.body.v}", text = "-{from.body.v}-", list = gate.list { "{query.q}", 1 }, brace = "{{" } }) },
  reply = "{it.body}" })
gate.get("/form", { calls = { from = from, it = users:post("/echo", { form = {
  v = "{from.body.v}", ["k k"] = "{query.q}", n = 2 } }) }, reply = "{it.body}" })
gate.get("/xml", echo(users:post("/echo", { xml = "<a b=\"{query.q}\">{query.q}{{}</a>" })))
gate.get("/xml-result", { calls = { from = from, it = users:post("/echo", { xml = "<a>{from.body.v}</a>" }) },
  reply = "{it.body}" })
gate.get("/text", echo(users:post("/echo", { text = "{query.q} {{ {" })))
gate.get("/typed", echo(users:post("/echo", { json = 1, headers = { ["content-type"] = "application/x+json" } })))

gate.get("/sql", { calls = { from = from, it = shop:one(
  "select ? as v, typeof(?1) as type, '{' as brace", "{from.body.v}") }, reply = "{it.body}" })
gate.get("/sql-q", { calls = { it = shop:query("select ? as v, ? as n, ? as f, ? as b, ? as x, ? as s",
  "{query.q}", 1, 1.5, true, gate.null, "pre-{query.q}") }, reply = "{it.body}" })
gate.get("/file/{name}",      { calls = { it = pages:read "{name}.txt" } })
gate.get("/files/{rest...}",  { calls = { it = pages:read "{rest}" } })
]=]

local g, backend

local function start()
  backend = faultd.start()
  g = gateway.start {
    ["gateway.lua"] = { services = { users = backend.url }, databases = { shop = "sqlite:shop.db" },
      files = { pages = "pages" } },
    ["routes.lua"] = routes,
    ["pages/a.txt"] = "a", ["pages/a b.txt"] = "a b", ["pages/d/e.txt"] = "e", ["secret.txt"] = "s",
  }
end

local function stop()
  gateway.clean()
  faultd.clean()
end

local function encoded(text)
  return (text:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- What the backend echoes: the target, or a field of a call.
local function echoed(path)
  local reply = g:get(path)
  assert.equal(200, reply.status, reply.body)
  return reply:json()
end

local function refused(path, status, calls)
  backend:reset()
  local json = problem.check(g:get(path), status or 400, calls)
  for _, entry in ipairs(backend:record().log) do
    assert.is_nil(entry.raw:find("/echo", 1, true), "nothing is sent: " .. entry.raw)
  end
  return json
end

local nasty = "a/b?c#d%e&f=g+h;i:j@k l'\"<>\\^`{|}~\195\169"
local nasty_encoded = "a%2Fb%3Fc%23d%25e%26f%3Dg%2Bh%3Bi%3Aj%40k%20l%27%22%3C%3E%5C%5E%60%7B%7C%7D~%C3%A9"

describe("a value in a path", function()
  setup(start)
  teardown(stop)

  it("is one segment, percent-encoded", function()
    assert.equal("/echo/" .. nasty_encoded .. "/x?from=" .. nasty_encoded,
      echoed("/path/" .. encoded(nasty)).target)
    assert.equal("/echo/" .. nasty_encoded, echoed("/query-path?q=" .. encoded(nasty)).target)
    assert.equal("/echo/a%2Fb%00%0D%0A", echoed("/result-path?b=" .. encoded '{"v":"a/b\\u0000\\r\\n"}').target)
    assert.equal("/echo/12e3", echoed("/result-path?b=" .. encoded '{"v":12e3}').target)
  end)

  it("is refused when its segment comes out empty, . or ..", function()
    for _, value in ipairs { "", ".", "..", "%2e", "%2E%2E", ".%2e" } do
      refused("/query-path?q=" .. value)
    end
    for _, value in ipairs { "%2e%2e", "%2E" } do
      refused("/path/" .. value)
      refused("/last/" .. value)
    end
    refused "/dot/%2e"
    refused "/two/%2e/%2e"
    assert.equal("/echo/.../", echoed("/two/%2e/%2e%2e").target)
    assert.equal("/echo/..a", echoed("/dot/%2ea").target)
    assert.equal("/echo/a..b", echoed("/affix/%2e%2e").target)
    assert.equal("/echo/%252e%252e", echoed("/last/%252e%252e").target)
    for _, value in ipairs { '""', '"."', '".."' } do
      refused("/result-path?b=" .. encoded('{"v":' .. value .. "}"), 502, { it = "missing" })
    end
  end)

  it("is `missing` when it is null, an object or a list", function()
    for _, value in ipairs { "null", "{}", "[]", '["a"]' } do
      refused("/result-path?b=" .. encoded('{"v":' .. value .. "}"), 502, { it = "missing" })
    end
    refused("/result-path?b=" .. encoded "{}", 502, { it = "missing" })
  end)

  it("that is the rest of the path keeps its slashes, and no empty or dotted segment", function()
    assert.equal("/echo/a/b%20c/d", echoed("/rest/a/b%20c/d").target)
    assert.equal("/echo/xa/b/y?q=a%2Fb", echoed("/rest-in/a/b").target)
    assert.equal("/echo/a/", echoed("/rest/a/").target)
    for _, rest in ipairs { "a%2F%2Fb", "a%2F..%2Fb", "%2e%2e", "a%2F%2E", "%2F" } do
      refused("/rest/" .. rest)
    end
    refused("/rest-in/%2Fa%2F%2F")
  end)
end)

describe("a value in a query or a form", function()
  setup(start)
  teardown(stop)

  it("is percent-encoded, names too", function()
    local target = echoed("/query?q=" .. encoded(nasty)).target
    assert.equal("/echo?fixed=1&a%20b=x" .. nasty_encoded .. "y&n=1&q=" .. nasty_encoded ..
      "&text=%26%3D&yes=true", target)
  end)

  it("that is a list is written once per element", function()
    assert.equal("/echo?v=a%26b&v=2.0&v=true", echoed("/query-of?b=" .. encoded '{"v":["a&b",2.0,true]}').target)
    assert.equal("/echo", echoed("/query-of?b=" .. encoded '{"v":[]}').target)
    refused("/query-of?b=" .. encoded '{"v":["a",null]}', 502, { it = "missing" })
    refused("/query-of?b=" .. encoded '{"v":{"a":1}}', 502, { it = "missing" })
    refused("/query-of?b=" .. encoded '{}', 502, { it = "missing" })
    refused("/query-in?b=" .. encoded '{"v":[1]}', 502, { it = "missing" })
  end)

  it("is left as text where a path spells the query out", function()
    assert.equal("/echo?a=1&v=%26b%3D", echoed("/query-in?b=" .. encoded '{"v":"&b="}').target)
  end)

  it("of a form is encoded likewise", function()
    local got = echoed("/form?q=%26&b=" .. encoded '{"v":["a b","c"]}')
    assert.equal("k%20k=%26&n=2&v=a%20b&v=c", got.body)
    local type
    for _, field in ipairs(got.headers) do
      type = field[1] == "Content-Type" and field[2] or type
    end
    assert.equal("application/x-www-form-urlencoded", type)
  end)
end)

local function field_of(got, name)
  local value
  for _, field in ipairs(got.headers) do
    if field[1]:lower() == name then
      assert.is_nil(value, "twice: " .. name)
      value = field[2]
    end
  end
  return value
end

describe("a value in a header", function()
  setup(start)
  teardown(stop)

  it("stands as it is", function()
    local got = echoed("/header?q=" .. encoded "a, b=\"c\"; d\t\195\169")
    assert.equal("<a, b=\"c\"; d\t\195\131\194\169>", field_of(got, "x-q")) -- faultd shows bytes
    assert.equal("7", field_of(got, "x-n"))
  end)

  for _, bytes in ipairs { "%0D", "%0A", "%00", "%0d%0aX-Evil:%201", "%7f", "%1b" } do
    it("is refused with " .. bytes .. ", which the client owed better", function()
      refused("/header?q=a" .. bytes .. "b")
    end)
  end

  it("of a result fails its call as `missing` when it cannot stand there", function()
    for _, value in ipairs { '"a\\r\\nb"', '"\\u0000"', "null", "[1]", "{}" } do
      refused("/header-of?b=" .. encoded('{"v":' .. value .. "}"), 502, { it = "missing" })
    end
  end)
end)

describe("a value in a body", function()
  setup(start)
  teardown(stop)

  it("of JSON keeps its type and its bytes", function()
    local got = echoed("/json?q=%22&b=" .. encoded '{"v": 1.00}')
    assert.same({ '{"brace":"{","list":["\\"",1],"text":"-1.00-","v":1.00}', "application/json" },
      { got.body, field_of(got, "content-type") })
    refused("/json?q=1&b=" .. encoded "{}", 502, { it = "missing" })
    refused("/json?b=" .. encoded '{"v":1}', 400)
  end)

  it("of XML is escaped, in text and in attributes", function()
    local got = echoed("/xml?q=" .. encoded "<&>\"'{id}")
    assert.equal("<a b=\"&lt;&amp;&gt;&quot;&apos;{id}\">&lt;&amp;&gt;&quot;&apos;{id}{}</a>", got.body)
    assert.equal("application/xml", field_of(got, "content-type"))
  end)

  it("of XML has no character that XML has not", function()
    assert.equal("<a b=\"\t\r\n\127\">\t\r\n\127{}</a>", echoed("/xml?q=%09%0D%0A%7F").body)
    assert.equal(200, g:get("/xml?q=%C3%A9%EF%BF%BD%F0%9F%98%80").status)
    for _, bad in ipairs { "%01", "%08", "%0B", "%0C", "%0E", "%1F", "a%1Bb", "%EF%BF%BE", "%EF%BF%BF", "%FF", "%ED%A0%80" } do
      local json = refused("/xml?q=" .. bad)
      assert.same({ { at = "query.q", detail = "has a character that XML has not" } }, json.errors, bad)
    end
    refused("/xml-result?b=" .. encoded '{"v":"\\u0000"}', 502, { it = "missing" })
    refused("/xml-result?b=" .. encoded '{"v":"\\u001b"}', 502, { it = "missing" })
    assert.equal("<a>x</a>", echoed("/xml-result?b=" .. encoded '{"v":"x"}').body)
  end)

  it("of text is none: text takes no placeholders", function()
    local got = echoed "/text?q=1"
    assert.same({ "{query.q} {{ {", "text/plain; charset=utf-8" }, { got.body, field_of(got, "content-type") })
  end)

  it("has the type that the call sets, once", function()
    assert.equal("application/x+json", field_of(echoed "/typed", "content-type"))
  end)
end)

describe("a value in SQL", function()
  setup(start)
  teardown(stop)

  it("is bound with its type, never pasted", function()
    for json, want in pairs {
      ['"x\' or 1=1; drop table t --"'] = { v = "x' or 1=1; drop table t --", type = "text" },
      ["42"] = { v = 42, type = "integer" }, ["1.5"] = { v = 1.5, type = "real" },
      ["true"] = { v = 1, type = "integer" }, ["null"] = { type = "null" },
      ['[1, "a"]'] = { v = '[1, "a"]', type = "text" },
    } do
      want.brace = "{"
      assert.same(want, echoed("/sql?b=" .. encoded('{"v":' .. json .. "}")))
    end
  end)

  it("keeps integers of 64 bits", function()
    assert.equal('{"v":9223372036854775807,"type":"integer","brace":"{"}',
      g:get("/sql?b=" .. encoded '{"v":9223372036854775807}').body)
  end)

  it("that is missing fails the call", function()
    refused("/sql?b=" .. encoded "{}", 502, { it = "missing" })
    refused "/sql-q"
  end)

  it("comes from the query as text", function()
    assert.equal('[{"v":"7\'","n":1,"f":1.5,"b":1,"x":null,"s":"pre-7\'"}]', g:get("/sql-q?q=7'").body)
  end)
end)

describe("a value in a file's path", function()
  setup(start)
  teardown(stop)

  it("is one name, as it is", function()
    assert.equal('{"it":"a"}', g:get("/file/a").body)
    assert.equal('{"it":"a b"}', g:get("/file/a%20b").body)
    assert.equal('{"it":"e"}', g:get("/files/d/e.txt").body)
  end)

  it("is refused when it is no name, or leads out of the folder", function()
    refused "/file/d%2Fe"
    refused "/file/..%2Fsecret"
    for _, path in ipairs { "/files/..%2Fsecret.txt", "/files/d/%2e%2e/%2e%2e/secret.txt",
      "/files/%2Fetc%2Fpasswd" } do
      local reply = g:get(path)
      assert.is_true(reply.status == 400 or reply.status == 502, path .. ": " .. reply.body)
    end
  end)
end)
