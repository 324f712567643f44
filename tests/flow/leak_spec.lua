-- Without --dev no reply tells of what is inside: files, paths, code, statements, backends.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local wait = require "support.wait"

local routes = [[
local gate = require "moongate"
local api, gone, mute = gate.service "api", gate.service "gone", gate.service "mute"
local shop, pages = gate.database "shop", gate.files "pages"

local function deeper(req)
  local private = req.nothing.here
  return private
end

gate.get("/lua", function(req) local found = deeper(req) return found end)
gate.get("/text", function() error "a private text" end)
gate.get("/level", function() error("a private text", 0) end)
gate.get("/table", function() error { detail = "a private text" } end)
gate.get("/nil", function() error(nil) end)
gate.get("/number", function() return { 0 / 0 } end)
gate.get("/nothing", function() end)
gate.get("/deep", function() local function f() return 1 + f() end return f() end)
gate.get("/forever", { limits = { script = "10ms" }, reply = function() while true do end end })
gate.get("/big", function() return ("x"):rep(1e9) end)
gate.get("/header", function() return gate.reply { headers = { ["bad header"] = "private" }, text = "x" } end)
gate.get("/module", function() return require "lib.private" end)
gate.get("/refused", { calls = { first = api:get "/ok", second = gone:get "/private" } })
gate.get("/late", { within = "50ms", calls = { slow = api:get "/hang" } })
gate.get("/slow", { calls = { slow = api:get("/hang", { within = "30ms" }) } })
gate.get("/connect", { within = "100ms", calls = { slow = mute:get "/private" } })
gate.get("/status", { calls = { c = api:get "/status/500" } })
gate.get("/malformed", { calls = { c = api:get "/garbage" } })
gate.get("/json", { calls = { c = api:get("/ok", { query = { body = "[1", type = "application/json" } }) }, reply = { x = "{c.body.x}" } })
gate.get("/reset", { calls = { c = api:get "/reset" } })
gate.get("/dns", { calls = { c = gate.service "nowhere":get "/private" } })
gate.get("/file", { calls = { c = pages:json "private.json" } })
gate.get("/file/broken", { calls = { c = pages:json "broken.json" } })
gate.get("/file/pass/{name}", { pass = pages:read "{name}" })
gate.get("/sql", { calls = { c = shop:query "select private from nowhere" } })
gate.get("/sql/syntax", { calls = { c = shop:query "selekt private" } })
gate.get("/sql/one", { calls = { c = shop:one("select 1 where ?", 0) } })
gate.get("/partial", { calls = { a = gone:get("/private", { optional = true }),
  b = shop:query("select private from nowhere", { optional = true }), c = pages:read("private.txt", { optional = true }) } })
gate.get("/input/{id}", { input = { id = "integer" }, calls = { c = api:get "/id/{id}" } })
gate.get("/missing", { calls = { c = api:get "/ok", d = api:get("/id/{c.body.id}") } })
gate.post("/body", { calls = { c = api:get "/id/{body.id}" } })
gate.get("/running", function() return gone:get("/private"):wait().body end)
gate.get("/running/sql", function() return shop:query("select private from nowhere"):wait().body end)
gate.get("/running/file", function() return pages:read("../private"):wait().body end)
gate.get("/running/part", function()
  local got = gone:get("/private", { optional = true }):wait()
  return got.body.x
end)
gate.get("/fail", function() gate.fail(404, "told to all") end)
gate.get("/pass", { pass = gone:request "/private" })
gate.get("/fine", { calls = { c = api:get "/ok" } })
gate.group("/around", {
  before = function(req) if req.query.before then error "a private text" end end,
  after = function(req, reply) if req.query.after then reply.private = req.nothing.here end end,
}, function(group)
  group.get("/x", function() return { 1 } end)
end)
]]

describe("a reply without --dev", function()
  local g

  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  local words

  local function clean(reply, of)
    assert.is_true(reply.status >= 200, of)
    local bytes = reply.body
    for _, field in ipairs(reply.fields) do
      bytes = bytes .. "\n" .. table.concat(field, ": ")
    end
    for _, word in ipairs(words) do
      assert.is_nil(bytes:lower():find(word, 1, true), ("%s tells %q: %s"):format(of, word, bytes))
    end
    assert.is_nil(reply.headers["server-timing"], of)
    assert.is_nil(reply.headers["moongate-load-error"], of)
    return reply
  end

  local function ask(path, options)
    clean(g:get(path, options), path)
    local headers = { Accept = "text/html,application/xhtml+xml,*/*;q=0.8" }
    return clean(g:get(path, { headers = headers }), path)
  end

  before_each(function()
    local backend, closed, mute = faultd.start(), faultd.closed_port(), faultd.mute_port()
    g = gateway.start({
      ["gateway.lua"] = { services = { api = backend.url, gone = "http://127.0.0.1:" .. closed,
        mute = "http://127.0.0.1:" .. mute, nowhere = "http://nowhere.invalid:81" },
        files = { pages = "./pages" }, databases = { shop = "sqlite:shop.db" } },
      ["pages/x.json"] = "{}", ["pages/broken.json"] = "{ private",
      ["lib/private.lua"] = "error 'a private text'",
      ["routes.lua"] = routes,
    }, { workers = 1 })
    words = { ".lua", "traceback", "stack", "private", "select", "selekt", "nowhere", "syntax", "shop.db", "sqlite",
      ".json", "pages", "127.0.0.1", ":" .. backend.port, ":" .. closed, ":" .. mute, "localhost", g.dir:lower(),
      "/tmp", "routes", "<html", "attempt to", "nil value", '"dev"', "errno", "no such file" }
  end)

  it("tells nothing of what is inside, whatever fails", function()
    for path, status in pairs {
      ["/lua"] = 500, ["/text"] = 500, ["/level"] = 500, ["/table"] = 500, ["/nil"] = 500, ["/number"] = 500,
      ["/nothing"] = 500, ["/forever"] = 500, ["/big"] = 500,
      ["/json"] = 502, ["/missing"] = 502, ["/deep"] = 500, ["/header"] = 500, ["/module"] = 500, ["/refused"] = 502,
      ["/late"] = 504, ["/slow"] = 504, ["/connect"] = 504, ["/status"] = 502, ["/malformed"] = 502, ["/reset"] = 502,
      ["/dns"] = 502, ["/file"] = 502, ["/file/broken"] = 502, ["/file/pass/nope"] = 404, ["/sql"] = 502,
      ["/sql/syntax"] = 502, ["/partial"] = 200, ["/input/x"] = 400, ["/running"] = 502, ["/running/sql"] = 502,
      ["/running/file"] = 500, ["/running/part"] = 500, ["/fail"] = 404, ["/pass"] = 502, ["/fine"] = 200,
      ["/around/x?before=1"] = 500, ["/around/x?after=1"] = 500, ["/around/x"] = 200, ["/gone/nope"] = 404,
    } do
      assert.equal(status, ask(path).status, path)
    end
  end)

  it("tells nothing of a request that cannot be read", function()
    assert.equal(400, clean(g:post("/body", { body = "{", headers = { ["Content-Type"] = "application/json" } }),
      "a body that is no JSON").status)
    assert.equal(405, clean(g:post "/lua", "POST /lua").status)
    for _, bytes in ipairs { "GET / HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n", "BREW /lua HTTP/1.1\r\nHost: x\r\n\r\n",
      "GET /" .. ("x"):rep(9000) .. " HTTP/1.1\r\nHost: x\r\n\r\n" } do
      local c = g:connect()
      c:send(bytes)
      assert.is_true(clean(c:read(), bytes:sub(1, 40)).status >= 400)
      c:close()
    end
  end)

  it("tells nothing of files that do not load", function()
    g:write { ["b.lua"] = "local private = = 2\n" }
    assert.truthy(wait.till(function() return g:log():find("stay as they were", 1, true) end, 10000))
    assert.equal(200, ask("/fine").status)
    assert.equal(500, ask("/lua").status)
  end)
end)
