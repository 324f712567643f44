-- What scripts put into headers, statuses, URLs and bodies, every byte of it chosen by a client: the
-- reply on the wire stays one reply, and the call one call.
local faultd = require "support.faultd"
local figure = require "support.figure"
local gateway = require "support.gateway"
local http = require "support.http"
local wait = require "support.wait"

-- Each route takes the bytes to inject from the request's body, so that any byte can be in them.
local routes = [[
  local gate = require "moongate"
  local backend = gate.service "backend"
  local function route(name, fn)
    gate.post("/" .. name, fn)
  end
  route("value", function(req)
    return gate.reply { headers = { ["x-value"] = req.text }, text = "ok" }
  end)
  route("values", function(req)
    return gate.reply { headers = { ["x-value"] = { "first", req.text } }, text = "ok" }
  end)
  route("name", function(req)
    return gate.reply { headers = { [req.text] = "value" }, text = "ok" }
  end)
  route("type", function(req)
    return gate.reply { headers = { ["content-type"] = req.text }, text = "ok" }
  end)
  route("redirect", function(req) return gate.redirect("/to" .. req.text) end)
  route("fail", function(req) gate.fail(409, req.text, { headers = { ["x-value"] = req.text } }) end)
  route("failname", function(req) gate.fail(409, "no", { headers = { [req.text] = "value" } }) end)
  route("detail", function(req) gate.fail(409, req.text, { [req.text] = req.text }) end)
  route("framing", function(req)
    return gate.reply { headers = { ["Content-Length"] = "1", ["Transfer-Encoding"] = "chunked",
      ["Connection"] = "close", ["Date"] = "never" }, text = req.text }
  end)
  route("status", function(req)
    return gate.reply { status = tonumber(req.text), text = "ok" }
  end)
  route("redirectstatus", function(req) return gate.redirect("/to", tonumber(req.text)) end)
  local options = { optional = true }
  route("callvalue", function(req)
    options.headers = { ["x-value"] = req.text }
    return tostring(backend:get("/ok", options):wait().ok)
  end)
  route("callname", function(req)
    return tostring(backend:get("/ok", { headers = { [req.text] = "v" }, optional = true }):wait().ok)
  end)
  route("callpath", function(req)
    return tostring(backend:get("/id/{x}", { params = { x = req.text }, optional = true }):wait().ok)
  end)
  route("callrawpath", function(req)
    return tostring(backend:get("/ok" .. req.text, { optional = true }):wait().ok)
  end)
  route("callquery", function(req)
    return tostring(backend:get("/ok", { query = { [req.text] = req.text }, optional = true }):wait().ok)
  end)
]]

-- The bytes of the reply to a POST of `text`, which the gateway closes.
local function wire(g, path, text)
  local c = g:connect()
  c:send(http.request(path, { method = "POST", body = text, headers = { Connection = "close" } }))
  local _, bytes = c:ending()
  c:close()
  return bytes
end

local sound = 0 -- replies that were one

-- That the bytes are one sound reply, nothing before or behind it; the reply's status and head.
local function one_reply(bytes, place)
  local head, body = bytes:match "^(HTTP/1%.1 [^\r\n]*\r\n.-\r\n)\r\n(.*)$"
  assert.truthy(head, place .. ": " .. bytes)
  local lines = 0
  for line in head:gmatch "(.-)\r\n" do
    lines = lines + 1
    assert.is_nil(line:find "[%z\r\n]", place)
    if lines > 1 then
      assert.truthy(line:find "^[%w-]+: [^%c]*$" or line:find "^[%w!#$%%&'*+.^_`|~-]+: [\t -\255]*$",
        place .. ": " .. line)
    end
  end
  assert.is_nil(head:lower():find "\r\nevil:", place)
  local length = tonumber(head:lower():match "\r\ncontent%-length: (%d+)\r\n")
  assert.equal(length, #body, place)
  assert.is_nil(head:lower():find "\r\ntransfer%-encoding:", place)
  sound = sound + 1
  return tonumber(head:match "^HTTP/1%.1 (%d%d%d) "), head, body
end

describe("bytes that a script puts into a reply", function()
  local g, backend

  setup(function()
    backend = faultd.start()
    g = gateway.start({
      ["gateway.lua"] = { services = { backend = backend.url } }, ["routes.lua"] = routes,
    })
  end)

  teardown(function()
    gateway.clean()
    faultd.clean()
  end)

  local texts = {
    "a\r\nEvil: b", "a\nEvil: b", "a\rEvil: b", "a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "\r\n", "\r", "\n", "\0", "a\0b", "a\r\n Evil: b", "\r\n\r\n", "a\r\n", "\nEvil: b", ("x\r\n"):rep(1000),
    "\226\128\168Evil: b", "\194\133Evil: b", "\229\152\138\229\152\141Evil: b", "%0d%0aEvil: b", "",
    " ", "a:b", "a b", ("y"):rep(100000), "Content-Length", "transfer-encoding", "connection",
  }

  for _, path in ipairs { "/value", "/values", "/name", "/type", "/redirect", "/fail", "/failname", "/detail",
    "/framing" } do
    it("by " .. path .. " make one reply", function()
      for _, text in ipairs(texts) do
        one_reply(wire(g, path, text), path .. " " .. text:sub(1, 40))
      end
      for byte = 0, 255 do
        local text = "a" .. string.char(byte) .. "Evil: b"
        local status, head = one_reply(wire(g, path, text), path .. " byte " .. byte)
        if path == "/value" and (byte == 0 or byte == 10 or byte == 13) then
          assert.equal(500, status)
        elseif path == "/value" and byte >= 32 and byte ~= 127 then
          assert.equal(200, status)
          assert.truthy(head:find("x-value: " .. text .. "\r\n", 1, true), "byte " .. byte)
        end
      end
      assert.equal(200, g:post("/value", { body = "ok" }).status)
    end)
  end

  it("as headers of more than 48 KiB are a 500, not a lost reply", function()
    local c = g:connect()
    assert.equal(40000, #c:ask("/value", { body = ("v"):rep(40000) }).headers["x-value"])
    local reply = c:ask("/value", { body = ("v"):rep(50000) })
    assert.same({ 500, "application/problem+json", nil },
      { reply.status, reply.headers["content-type"], reply.headers["x-value"] })
    assert.equal(200, c:ask("/value", { body = "v" }).status)
  end)

  it("as framing are the gateway's own to say", function()
    local status, _, body = one_reply(wire(g, "/framing", "text"), "framing")
    assert.is_true(status == 500 or body == "text")
  end)

  it("as a status are whole numbers that statuses can be, or a 500", function()
    for text, status in pairs { ["200"] = 200, ["299"] = 299, ["404"] = 404, ["599"] = 599, ["100"] = 500,
      ["199"] = 500, ["600"] = 500, ["0"] = 500, ["-200"] = 500, ["200.5"] = 500, ["1e3"] = 500,
      ["nan"] = 500, ["inf"] = 500 } do
      assert.equal(status, (one_reply(wire(g, "/status", text), text)), text)
    end
    for text, status in pairs { ["301"] = 301, ["308"] = 308, ["100"] = 500, ["99"] = 500,
      ["1e9"] = 500, ["302.5"] = 500 } do
      assert.equal(status, (one_reply(wire(g, "/redirectstatus", text), text)), text)
    end
  end)

  it("as headers, paths and queries of a call stay what they are", function()
    backend:reset()
    for _, path in ipairs { "/callvalue", "/callname", "/callpath", "/callrawpath", "/callquery" } do
      for _, text in ipairs(texts) do
        if #text < 5000 then
          one_reply(wire(g, path, text), path)
        end
      end
      for byte = 0, 255, path == "/callvalue" and 1 or 5 do
        one_reply(wire(g, path, "a" .. string.char(byte) .. "Evil: b"), path)
      end
    end
    local record = backend:record()
    assert.is_true(record.requests > 200)
    for _, entry in ipairs(record.log) do
      local raw = entry.raw
      assert.truthy(raw:find "^GET /[!-~]* HTTP/1%.1\r\n", raw)
      assert.truthy(raw:find "\r\n\r\n$", raw)
      for line in raw:sub(1, -3):gmatch "(.-)\r\n" do
        assert.is_nil(line:find "[%z\r\n]", raw)
      end
      assert.is_nil(raw:find "[^\r]\n", raw)
      assert.is_nil(raw:find "\r[^\n]", raw)
      assert.is_nil(raw:find "\n[Ee]vil", raw)
      assert.is_nil(raw:find("\0", 1, true), raw)
    end
  end)

  it("are one reply each time", function()
    figure.least(38, "replies that are one reply, with every byte in every place", sound, 2500)
  end)
end)

local OBJECTS = [=[
local gate = require "moongate"
local shop, cache = gate.database "shop", gate.redis "cache"
local shared = gate.shared "sent"

local CALLS = {
  sql = function(value) return shop:one("select 1 as admin where ? = 2", value) end,
  redis = function(value) return cache:get(value) end,
  command = function(value) return cache:command("GET", value) end,
}
for name, call in pairs(CALLS) do
  gate.post("/" .. name, function(req) return { got = call(req.body.key):wait().body } end)
  gate.post("/declared/" .. name, { input = { body = { key = "any" } },
    reply = function(req) return { got = call(req.body.key):wait().body } end })
  gate.post("/decoded/" .. name, function(req) return { got = call(gate.json.decode(req.text).key):wait().body } end)
  gate.post("/shared/" .. name, function(req)
    shared:set("key", req.body.key)
    return { got = call(shared:get "key"):wait().body }
  end)
  gate.post("/context/" .. name, { before = function(req) req.context.key = req.body.key end,
    reply = function(req) return { got = call(req.context.key):wait().body } end })
end
gate.get("/author", function()
  return { got = shop:one("select 1 as one where ? = 2", 1, { fallback = { mine = true } }):wait().body }
end)
]=]

describe("an object that a client sends where a text belongs", function()
  local g

  setup(function()
    g = gateway.start {
      ["gateway.lua"] = { databases = { shop = "sqlite:shop.db" },
        redis = { cache = "redis://127.0.0.1:" .. faultd.closed_port() } },
      ["routes.lua"] = OBJECTS,
    }
  end)

  teardown(function()
    gateway.clean()
    faultd.clean()
  end)

  local function post(path, body)
    return g:post(path, { headers = { { "Content-Type", "application/json" } }, body = body })
  end

  it("is never taken for the options of the call", function()
    for _, sent in ipairs {
      '{"fallback":{"admin":true}}', '{"f\\u0061llback":{"admin":true}}', '{"optional":true,"fallback":1}',
      '{' .. ('"fallback":{"admin":true},'):rep(40) .. '"within":"1ms"}', '{"relay":[404]}',
    } do
      for _, from in ipairs { "", "/declared", "/decoded", "/shared", "/context" } do
        for _, kind in ipairs { "/sql", "/redis", "/command" } do
          local out = post(from .. kind, '{"key":' .. sent .. "}")
          assert.equal(500, out.status, from .. kind .. " " .. sent .. " " .. out.body)
        end
      end
    end
    assert.truthy(wait.till(function()
      return g:log():find("parameter 1 of the SQL is a table: bind strings", 1, true)
    end))
  end)

  it("does not keep an author from giving options", function()
    assert.same({ got = { mine = true } }, g:get("/author"):json())
  end)
end)
