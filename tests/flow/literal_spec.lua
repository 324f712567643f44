-- Data is never taken for a template: what looks like a placeholder stays as it is wherever it
-- comes from a client, from a backend, or from a string that running code made.
local faultd = require "support.faultd"
local gateway = require "support.gateway"

local routes = [=[
local gate = require "moongate"
local users, shop, pages = gate.service "users", gate.database "shop", gate.files "pages"
local from = users:get "/ok?body={query.b}"

gate.get("/data/{id}", {
  calls = {
    from = from,
    path = users:get "/echo/{from.body.v}",
    next = users:post("/echo", { query = { v = "{from.body.v}", q = "{query.q}" },
      headers = { ["x-v"] = "{from.body.v}", ["x-q"] = "{query.q}" }, json = { "{from.body.v}", "{query.q}-" } }),
    form = users:post("/echo", { form = { v = "{from.body.v}" } }),
    xml  = users:post("/echo", { xml = "<v>{from.body.v}</v>" }),
    row  = shop:one("select ? as v", "{from.body.v}"),
    page = pages:read "page.txt",
    kept = users:get("/status/500", { fallback = { v = "{from.body.v}" } }),
  },
  reply = {
    id = "{id}", q = "{query.q}", h = "{headers.x-h}", c = "{cookies.c}", v = "{from.body.v}", mixed = "<{from.body.v}>",
    path = "{path.body.target}", next = "{next.body}", form = "{form.body.body}", xml = "{xml.body.body}",
    row = "{row.body.v}", page = "{page.body}", kept = "{kept.body.v}",
  },
})

gate.get("/running/{id}", function(req)
  local v = req.query.v
  local got = gate.all {
    get   = users:get("/echo/{p}", { params = { p = v }, query = { v = v, ["{id}"] = "{id}" }, headers = { ["x-v"] = v } }),
    json  = users:post("/echo", { json = { v = v, ["{id}"] = "{{" } }),
    form  = users:post("/echo", { form = { v = v } }),
    text  = users:post("/echo", { text = v }),
    xml   = users:post("/echo", { xml = "<v>{id}</v>" }),
    row   = shop:one("select ? as v, '{id}' as sql", v),
    value = gate.value { v, "{id}", "{{" },
    page  = pages:read "page.txt",
    file  = pages:read("x{v}", { params = { v = v }, optional = true }),
    kept  = users:get("/status/500", { fallback = { v, "{{id}" } }),
  }
  return {
    target = got.get.body.target, headers = got.get.body.headers, json = got.json.body.body, form = got.form.body.body,
    text = got.text.body.body, xml = got.xml.body.body, row = got.row.body, value = got.value.body,
    page = got.page.body, kept = got.kept.body, file = got.file.error.kind, said = "{query.v} " .. v, id = "{id}",
  }
end)
gate.get("/paths", function(req)
  local call = users:get("/echo/{a}/{b}?q={a}", { params = { a = req.query.a, b = 9007199254740992 } })
  return { target = call:wait().body.target }
end)
gate.get("/raw-path", function(req)
  return { target = users:get("/echo/" .. req.query.a):wait().body.target }
end)
gate.get("/file", function(req)
  return pages:read("{name}.txt", { params = { name = req.query.name } }):wait().body
end)
gate.get("/no-param", function()
  local call = users:get("/echo/{a}/{b}", { params = { a = nil, b = 1 }, optional = true })
  return { kind = call:wait().error.kind }
end)
]=]

local g

local function start()
  g = gateway.start {
    ["gateway.lua"] = {
      services = { users = { url = faultd.start().url, headers = { ["x-service"] = "{query.q}" } } },
      databases = { shop = "sqlite:shop.db" }, files = { pages = "pages" },
    },
    ["routes.lua"] = routes,
    ["pages/page.txt"] = "{id} {{ {from.body.v}",
  }
end

local function stop()
  gateway.clean()
  faultd.clean()
end

local function encoded(text)
  return (text:gsub("[^%w._~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function field_of(headers, name)
  for _, field in ipairs(headers) do
    if field[1]:lower() == name then
      return field[2]
    end
  end
end

describe("what looks like a placeholder", function()
  setup(start)
  teardown(stop)

  for _, v in ipairs { "{id}", "{query.q}", "{from.body.v}", "{{id}}", "{", "}", "{page.body}{", "%7Bid%7D" } do
    it("stays as it is when it comes from a client or a backend: " .. v, function()
      local reply = g:get(("/data/%s?q=%s&b=%s"):format(encoded(v), encoded(v), encoded('{"v":"' .. v .. '"}')),
        { headers = { ["x-h"] = v, cookie = "c=" .. v } })
      assert.equal(200, reply.status, reply.body)
      local json = reply:json()
      for _, place in ipairs { "id", "q", "h", "c", "v", "row", "kept" } do
        assert.equal(v, json[place], place)
      end
      assert.equal("<" .. v .. ">", json.mixed)
      assert.equal("{id} {{ {from.body.v}", json.page)
      assert.equal("/echo/" .. encoded(v), json.path)
      assert.equal("v=" .. encoded(v), json.form)
      assert.equal("<v>" .. v .. "</v>", json.xml)
      assert.equal("/echo?q=" .. encoded(v) .. "&v=" .. encoded(v), json.next.target)
      assert.equal(('["%s","%s-"]'):format(v, v), json.next.body)
      for _, name in ipairs { "x-v", "x-q", "x-service" } do
        assert.equal(v, field_of(json.next.headers, name), name)
      end
    end)

    it("stays as it is in the strings of a running function: " .. v, function()
      local reply = g:get("/running/7?q=x&v=" .. encoded(v))
      assert.equal(200, reply.status, reply.body)
      local json = reply:json()
      assert.equal("/echo/" .. encoded(v) .. "?v=" .. encoded(v) .. "&%7Bid%7D=%7Bid%7D", json.target)
      assert.equal(v, field_of(json.headers, "x-v"))
      assert.same({ "v=" .. encoded(v), v, "<v>{id}</v>" }, { json.form, json.text, json.xml })
      assert.equal('{"v":"' .. v .. '","{id}":"{{"}', json.json)
      assert.same({ v = v, sql = "{id}" }, json.row)
      assert.same({ { v, "{id}", "{{" }, { v, "{{id}" } }, { json.value, json.kept })
      assert.same({ "{query.v} " .. v, "{id}", "{id} {{ {from.body.v}" }, { json.said, json.id, json.page })
      assert.equal("status", json.file)
    end)
  end
end)

describe("the path of a running function's call", function()
  setup(start)
  teardown(stop)

  it("has {name} filled from the call's own params, whole numbers written in full", function()
    assert.equal("/echo/a%2Fb%7Bid%7D/9007199254740992?q=a%2Fb%7Bid%7D",
      g:get("/paths?q=&a=" .. encoded "a/b{id}"):json().target)
  end)

  it("refuses .. and empty segments that values make", function()
    for _, a in ipairs { "", "%2e", "%2e%2e" } do
      local reply = g:get("/paths?q=&a=" .. a)
      assert.equal(502, reply.status, reply.body)
      assert.equal("missing", reply:json().calls[1].kind)
    end
  end)

  it("that was concatenated cannot leave the segment's level, nor smuggle a line", function()
    for _, a in ipairs { "../x", "a/../../x", "%2e%2e/x", ".%2E/x", "%2e", "./x", "a b", "a\r\nX: y", "a#b", "{b}" } do
      local reply = g:get("/raw-path?q=&a=" .. encoded(a))
      assert.is_true(reply.status >= 500, a .. ": " .. reply.body)
    end
    assert.equal("/echo/a/b?c=d", g:get("/raw-path?q=&a=" .. encoded "a/b?c=d"):json().target)
  end)

  it("of a file is filled likewise", function()
    assert.equal("{id} {{ {from.body.v}", g:get("/file?q=&name=page").body)
    for _, name in ipairs { "..%2Fpage", "a%2Fb", "" } do
      local reply = g:get("/file?q=&name=" .. name)
      assert.is_true(reply.status == 502, reply.body)
    end
  end)

  it("with a param that is nil makes the call fail as `missing`", function()
    assert.same({ kind = "missing" }, g:get("/no-param?q="):json())
  end)
end)
