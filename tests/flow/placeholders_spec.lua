-- What placeholders stand for, and that JSON is spliced into replies byte for byte.
local faultd = require "support.faultd"
local gateway = require "support.gateway"

local routes = [=[
local gate = require "moongate"
local users = gate.service "users"

gate.route("*", "/roots/{id}/{rest...}", {
  calls = { it = users:get("/status/201?body=%7B%22a%22:%5B%7B%22b%22:%22deep%22%7D%5D%7D"
      .. "&header=ETag:%20%22e1%22&header=X-Two:%20a&header=X-Two:%20b"),
    text = users:get "/ok?body=plain%20%22text%22&type=text/plain",
    row = gate.value { x = 1 } },
  reply = {
    id = "{id}", rest = "{rest}", q = "{query.q}", dotted = "{query.a.b-c}", h = "{headers.X-User}",
    cookie = "{cookies.sid}", body = "{body}", name = "{body.user.names[2]}", deep = "{it.body.a[1].b}",
    status = "{it.status}", etag = "{it.headers.ETag}", two = "{it.headers.x-two}", text = "{text.body}",
    value = "{row.body.x}", mixed = "{id}:{query.q}:{body.user.age}:{it.status}:{body.user.ok}",
  },
})
gate.get("/splice", { calls = { it = users:get "/ok?body={query.b}" }, reply = { v = "{it.body}" } })
gate.get("/at", { calls = { it = users:get "/ok?body={query.b}" }, reply = {
  a = "{it.body.a}", ab = "{it.body.a.b}", one = "{it.body[1]}", two = "{it.body.list[2]}", far = "{it.body.list[99]}",
  text = "a is {it.body.a}!",
} })
gate.get("/whole", { calls = { it = users:get "/ok?body={query.b}" }, reply = "{it.body.a}" })
gate.get("/braces", { reply = {
  one = "{{", name = "{{id}", two = "{{{{", close = "a } b", back = "{{{query.q}}",
} })
gate.get("/constants", { reply = {
  text = "x", number = 1.5, big = gate.json.decode "9007199254740993", yes = true, no = gate.null, empty = gate.list {},
  object = {}, nested = { gate.list { 1, "{query.q}", { k = "{query.q}" } } }, quote = "\"\\\n\1\u{e9}",
} })
]=]
routes = routes:gsub("\\u{e9}", "\195\169")

local g

local function start()
  g = gateway.start {
    ["gateway.lua"] = { services = { users = faultd.start().url } },
    ["routes.lua"] = routes,
  }
end

local function stop()
  gateway.clean()
  faultd.clean()
end

local function encoded(text)
  return (text:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end))
end

describe("a placeholder", function()
  setup(start)
  teardown(stop)

  it("stands for every part of the request and of earlier results", function()
    local reply = g:post("/roots/a%20b/c/d%2Fe?q=1+2&a.b-c=dot", {
      headers = { { "X-User", "ada" }, { "x-user", "bob" }, { "Cookie", "a=b; sid=s1" },
        { "Content-Type", "application/json" } },
      body = '{"user":{"names":["x","y"],"age":36,"ok":true}}',
    })
    assert.same({
      id = "a b", rest = "c/d/e", q = "1 2", dotted = "dot", h = "ada, bob", cookie = "s1",
      body = { user = { names = { "x", "y" }, age = 36, ok = true } }, name = "y", deep = "deep",
      status = 201, etag = '"e1"', two = "a, b", text = 'plain "text"', value = 1,
      mixed = "a b:1 2:36:201:true",
    }, reply:json(), reply.body)
  end)

  for _, json in ipairs {
    "0", "-0", "1.0", "1E+2", "12345678901234567890123456789.10", "9007199254740993", "true", "null",
    '""', '"\\u00e9\\/\\ud83d\\ude00"', '"\195\169"', '"{query.b}"', "[]", "{}",
    '{"b":1,"a":2}', '{"a":1,"a":{"b":2},"a":3}', '{ "a" :\t1 ,\n "b":[ 1 , 2 ] }',
    '{"a":"\\"}{[,"}', '[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]',
  } do
    it("splices JSON byte for byte: " .. json, function()
      local reply = g:get("/splice?b=" .. encoded(json))
      assert.same({ 200, '{"v":' .. json .. "}" }, { reply.status, reply.body })
    end)
  end

  it("leaves out only the white space around a body", function()
    assert.equal('{"v":[ 1 ]}', g:get("/splice?b=" .. encoded " \r\n\t[ 1 ]\n ").body)
  end)

  it("that is missing is null in a reply, and so is a string with one that is missing", function()
    assert.equal('{"a":null,"ab":null,"far":null,"one":null,"text":null,"two":null}',
      g:get("/at?b=" .. encoded '{"b":1}').body)
    assert.equal('{"a":null,"ab":null,"far":null,"one":null,"text":null,"two":null}',
      g:get("/at?b=" .. encoded '7').body)
  end)

  it("finds what its path says, in objects and from 1 in lists", function()
    assert.equal('{"a":{"b":[ 1 ]},"ab":[ 1 ],"far":null,"one":null,"text":null,"two":{"x":2.0}}',
      g:get("/at?b=" .. encoded '{"list":[1, {"x":2.0}],"a":{"b":[ 1 ]}}').body)
    assert.equal('{"a":null,"ab":null,"far":null,"one":"first","text":null,"two":null}',
      g:get("/at?b=" .. encoded '["first","second"]').body)
  end)

  it("takes the last of duplicate keys, however they are written", function()
    assert.equal("3", g:get("/whole?b=" .. encoded '{"a":1,"a":2,"b":0,"\\u0061":3}').body)
    assert.equal("null", g:get("/whole?b=" .. encoded '{"a":1,"a":null}').body)
  end)

  it("keeps a number as text in the digits that came, and unescapes a string", function()
    local function text(json)
      return g:get("/at?b=" .. encoded(json)):json().text
    end
    assert.equal("a is 1.50e3!", text '{"a":1.50e3}')
    assert.equal("a is 123456789012345678901!", text '{"a":123456789012345678901}')
    assert.equal('a is "é"\n!', text '{"a":"\\"\\u00e9\\"\\n"}')
    assert.equal("a is false!", text '{"a":false}')
  end)

  it("is not what {{ begins", function()
    assert.same({ one = "{", name = "{id}", two = "{{", close = "a } b", back = "{v}" },
      g:get("/braces?q=v"):json())
  end)

  it("leaves the constants around it as the author wrote them", function()
    assert.equal('{"big":9007199254740993,"empty":[],"nested":[[1,"v",{"k":"v"}]],"no":null,'
      .. '"number":1.5,"object":{},"quote":"\\"\\\\\\n\\u0001\195\169","text":"x","yes":true}',
      g:get("/constants?q=v").body)
  end)
end)
