-- The three forms of a reply: a template, a function, and none, which merges what the calls gave.
local faultd = require "support.faultd"
local gateway = require "support.gateway"

local routes = [=[
local gate = require "moongate"
local users, shop, pages = gate.service "users", gate.database "shop", gate.files "pages"
local closed = gate.service "closed"
local one = users:get "/ok?body=%7B%22b%22:1,%20%22a%22:2.50%7D"

gate.get("/merged", { calls = {
  zebra = one, Alpha = users:get "/ok?body=plain%20%22text%22%0A%FF&type=text/plain", alpha = gate.value { x = 1 },
  rows = shop:query "select 1 as a, 'x' as b, null as c union all select 2, 'y', 2.5", none = shop:query "select 1 as a where 0",
  row = shop:one "select 'r' as r", run = shop:run "create table if not exists t (x)",
  text = pages:read "a.txt", json = pages:json "a.json", stat = pages:stat "a.txt", list = pages:list ".",
  failed = closed:get("/ok", { optional = true }), fallback = closed:get("/ok", { fallback = { 1 } }),
  empty = users:get "/ok?body=&type=text/plain", nothing = users:get "/status/204", null = gate.value(gate.null),
  named = users:get "/ok?body=%5B1%5D&type=application/vnd.x%2Bjson;%20charset=utf-8",
  upper = users:get "/ok?body=%5B1%5D&type=APPLICATION/JSON", notjson = users:get "/ok?body=%5B1%5D&type=text/json",
  missing = pages:read("gone.txt", { accept = { 404 } }),
} })
gate.get("/merged-nothing", { calls = { it = closed:get("/ok", { optional = true }) } })
gate.get("/order", { calls = { b = gate.value(1), a = gate.value(2), _ = gate.value(3), B = gate.value(4), a1 = gate.value(5) } })

gate.get("/string", { calls = { it = one }, reply = "{it.body.a}" })
gate.get("/text", { calls = { it = one }, reply = "a: {it.body.a}" })
gate.get("/list", { calls = { it = one }, reply = { "{it.body}", "{it.body.b}", gate.null } })
gate.get("/number", { reply = 7 })
gate.get("/true", { reply = true })
gate.get("/null", { reply = gate.null })
gate.get("/no-calls", { reply = { hello = "world" } })
gate.post("/created", { calls = { it = one }, reply = function(_, got)
  return gate.reply { status = 201, headers = { location = "/x" }, json = got.it.body }
end })
gate.get("/fn", function() return { hello = "world" } end)
]=]

local g

local function start()
  g = gateway.start {
    ["gateway.lua"] = {
      services = { users = faultd.start().url, closed = "http://127.0.0.1:" .. faultd.closed_port() },
      databases = { shop = "sqlite:shop.db" }, files = { pages = "pages" },
    },
    ["routes.lua"] = routes,
    ["pages/a.txt"] = "line\n\"\\\t", ["pages/a.json"] = ' { "z" : [ ] , "a":1e5 } \n',
  }
end

local function stop()
  gateway.clean()
  faultd.clean()
end

describe("a reply that is absent", function()
  setup(start)
  teardown(stop)

  it("merges the bodies by name: JSON as it came, text as a string, rows as objects, failures as null", function()
    local reply = g:get "/merged"
    assert.same({ 200, "application/json", "failed=refused, fallback=refused" },
      { reply.status, reply.headers["content-type"], reply.headers["moongate-partial"] })
    local body = reply.body:gsub('"mtime":%d+', '"mtime":0')
    assert.equal('{"Alpha":"plain \\"text\\"\\n\239\191\189",'
      .. '"alpha":{"x":1},'
      .. '"empty":"",'
      .. '"failed":null,'
      .. '"fallback":[1],'
      .. '"json":{ "z" : [ ] , "a":1e5 },'
      .. '"list":["a.json","a.txt"],'
      .. '"missing":null,'
      .. '"named":[1],'
      .. '"none":[],'
      .. '"nothing":"",'
      .. '"notjson":"[1]",'
      .. '"null":null,'
      .. '"row":{"r":"r"},'
      .. '"rows":[{"a":1,"b":"x","c":null},{"a":2,"b":"y","c":2.5}],'
      .. '"run":{"changes":0,"last_id":0},'
      .. '"stat":{"mtime":0,"size":8,"type":"file"},'
      .. '"text":"line\\n\\"\\\\\\t",'
      .. '"upper":[1],'
      .. '"zebra":{"b":1, "a":2.50}}', body)
  end)

  it("is still an object when every call failed", function()
    local reply = g:get "/merged-nothing"
    assert.same({ 200, '{"it":null}', "it=refused" },
      { reply.status, reply.body, reply.headers["moongate-partial"] })
  end)

  it("has its names in byte order", function()
    assert.equal('{"B":4,"_":3,"a":2,"a1":5,"b":1}', g:get("/order").body)
  end)
end)

describe("a reply that is a template", function()
  setup(start)
  teardown(stop)

  it("is any JSON value", function()
    for path, body in pairs {
      ["/string"] = "2.50", ["/text"] = '"a: 2.50"', ["/list"] = '[{"b":1, "a":2.50},1,null]', ["/number"] = "7",
      ["/true"] = "true", ["/null"] = "null", ["/no-calls"] = '{"hello":"world"}',
    } do
      local reply = g:get(path)
      assert.same({ 200, "application/json", body, tostring(#body) }, { reply.status, reply.headers["content-type"],
        reply.body, reply.headers["content-length"] }, path)
    end
  end)
end)

describe("a reply that is a function", function()
  setup(start)
  teardown(stop)

  it("may be the whole route", function()
    local reply = g:get "/fn"
    assert.same({ 200, "application/json", '{"hello":"world"}' },
      { reply.status, reply.headers["content-type"], reply.body })
  end)

  it("gets what the calls gave, and says status and headers", function()
    local reply = g:post "/created"
    assert.same({ 201, "/x", '{"a":2.5,"b":1}' }, { reply.status, reply.headers.location, reply.body })
  end)
end)
