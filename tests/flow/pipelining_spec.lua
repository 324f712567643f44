-- Many requests on one connection: answered in order however the bytes are cut; after one that must be
-- refused nothing more is executed.
local faultd = require "support.faultd"
local figure = require "support.figure"
local gateway = require "support.gateway"
local generator = require "support.random"
local http = require "support.http"

local routes = [[
  local gate = require "moongate"
  local backend = gate.service "backend"
  gate.get("/n/{n}", function(req) return "n" .. req.params.n end)
  gate.get("/call/{n}", { calls = { got = backend:get "/id/{n}" }, reply = { n = "{got.body.id}" } })
  gate.get("/late/{n}", { calls = { got = backend:get "/delay/3/id/{n}" }, reply = { n = "{got.body.id}" } })
  gate.post("/echo/{n}", function(req) return req.params.n .. "=" .. req.text end)
  gate.put("/mark/{n}", { calls = { got = backend:put "/id/{n}" }, reply = { n = "{got.body.id}" } })
]]

local function chunked(text, random)
  local parts, at = {}, 1
  while at <= #text do
    local size = math.min(random(1, 20), #text - at + 1)
    parts[#parts + 1] = ("%x%s\r\n%s\r\n"):format(size, random(4) == 1 and ";ext=1" or "",
      text:sub(at, at + size - 1))
    at = at + size
  end
  return table.concat(parts) .. "0\r\n" .. (random(4) == 1 and "X-Trailer: t\r\n" or "") .. "\r\n"
end

-- One request and what its reply must be: { status, body, head }.
local makers = {
  function(i) return http.request("/n/" .. i), { 200, "n" .. i } end,
  function(i) return http.request("/n/" .. i, { method = "HEAD" }), { 200, "", true } end,
  function(i) return http.request("/call/" .. i), { 200, ('{"n":"%d"}'):format(i) } end,
  function(i) return http.request("/late/" .. i), { 200, ('{"n":"%d"}'):format(i) } end,
  function(i, random)
    local text = ("%d."):format(i):rep(random(0, 60))
    return http.request("/echo/" .. i, { method = "POST", body = text }), { 200, i .. "=" .. text }
  end,
  function(i, random)
    local text = ("%d!"):format(i):rep(random(0, 60))
    return http.request("/echo/" .. i, { method = "POST", body = chunked(text, random),
      headers = { ["Transfer-Encoding"] = "chunked" } }), { 200, i .. "=" .. text }
  end,
  function(i) return http.request("/none/" .. i), { 404 } end,
  function(i) return http.request("/none/" .. i, { method = "POST", body = "unread" }), { 404 } end,
  function(i) return http.request("/n/" .. i, { method = "DELETE" }), { 405 } end,
  function(i) return http.request("/n/" .. i, { method = "OPTIONS" }), { 204, "" } end,
  function(i) return "\r\n" .. http.request("/n/" .. i), { 200, "n" .. i } end,
  function(i)
    return ("GET http://other.test/n/%d HTTP/1.1\r\nHost: other.test\r\n\r\n"):format(i),
      { 200, "n" .. i }
  end,
}

local function send_split(c, bytes, random, most)
  local at = 1
  while at <= #bytes do
    local stop = math.min(at + random(1, most) - 1, #bytes)
    if not c:send(bytes:sub(at, stop)) then
      return
    end
    at = stop + 1
  end
end

describe("pipelined requests", function()
  local g, backend

  setup(function()
    backend = faultd.start()
    g = gateway.start({
      ["gateway.lua"] = { services = { backend = backend.url }, limits = { linger = "200ms" } },
      ["routes.lua"] = routes,
    }, { workers = 2 })
  end)

  teardown(function()
    gateway.clean()
    faultd.clean()
  end)

  local function check(seed, count, most)
    local random = generator(seed)
    local bytes, wanted = {}, {}
    for i = 1, count do
      bytes[i], wanted[i] = makers[random(#makers)](i, random)
    end
    local c = g:connect()
    local all, read = table.concat(bytes), 0
    -- Replies are read in between, so that neither side has to hold all of it.
    local function read_some(stop)
      while read < stop do
        read = read + 1
        local want = wanted[read]
        local reply, why = c:read { head = want[3] }
        local place = ("seed %d, request %d:\n%s"):format(seed, read, bytes[read])
        assert.truthy(reply, place .. " got no reply: " .. tostring(why))
        assert.equal(want[1], reply.status, place)
        if want[2] then
          assert.equal(want[2], reply.body, place)
        end
      end
    end
    local slice = math.floor(#all / 4)
    for part = 0, 3 do
      local stop = part == 3 and #all or (part + 1) * slice
      send_split(c, all:sub(part * slice + 1, stop), random, most)
      local complete, length = 0, 0
      for i = 1, count do
        length = length + #bytes[i]
        complete = length <= stop and i or complete
      end
      read_some(complete)
    end
    assert.same({ count, "" }, { read, c.buffer })
    c:close()
    return read
  end

  for _, most in ipairs { 3, 100, 3000, 1000000 } do
    it(("of all kinds are answered in order, cut into pieces of up to %d bytes"):format(most), function()
      local seeds, each = figure.count(4, 20), most == 3 and 60 or 300
      local right = 0
      for seed = 1, seeds do
        right = right + check(seed * 1000 + most, each, most)
      end
      figure.is(15, ("right and in order, in pieces of up to %d bytes"):format(most), right, seeds * each)
    end)
  end

  local bad = {
    ["a header without a colon"] = { 400, "GET /n/0 HTTP/1.1\r\nHost: a\r\nbad\r\n\r\n" },
    ["two lengths"] = { 400, "POST /echo/0 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n" ..
      "Content-Length: 2\r\n\r\nab" },
    ["a length and chunks"] = { 400, "POST /echo/0 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n" ..
      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
    ["a bare LF"] = { 400, "GET /n/0 HTTP/1.1\nHost: a\r\n\r\n" },
    ["no Host"] = { 400, "GET /n/0 HTTP/1.1\r\n\r\n" },
    ["a broken chunk"] = { 400, "POST /echo/0 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" ..
      "zz\r\n" },
    ["an unknown method"] = { 501, "BREW /n/0 HTTP/1.1\r\nHost: a\r\n\r\n" },
    ["another version"] = { 505, "GET /n/0 HTTP/2.0\r\nHost: a\r\n\r\n" },
    ["a body too large"] = { 413, "POST /echo/0 HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n" },
    ["a target too long"] = { 414, "GET /n/" .. ("0"):rep(9000) .. " HTTP/1.1\r\nHost: a\r\n\r\n" },
    ["an expectation that is not met"] = { 417, "POST /echo/0 HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n" ..
      "Content-Length: 1\r\n\r\nx" },
  }

  for what, case in pairs(bad) do
    it("behind one with " .. what .. " are not executed", function()
      local status, bytes = case[1], case[2]
      for _, slice in ipairs { 1000000, 7 } do
        backend:reset()
        local c = g:connect()
        c:send(http.request("/mark/1", { method = "PUT" }) .. http.request "/n/2" .. bytes ..
          http.request("/mark/3", { method = "PUT" }):rep(5), slice)
        assert.same({ 200, '{"n":"1"}' }, { (function(r) return r.status, r.body end)(c:read()) })
        assert.equal("n2", c:read().body)
        local reply = c:read()
        assert.same({ status, "close" }, { reply.status, reply.headers.connection })
        local how, rest = c:ending()
        assert.truthy(how)
        assert.equal("", rest)
        assert.equal(1, backend:record().requests)
      end
    end)
  end

  it("behind one that says Connection: close are not executed", function()
    backend:reset()
    local c = g:connect()
    c:send(http.request("/n/1", { headers = { Connection = "close" } }) ..
      http.request("/mark/3", { method = "PUT" }):rep(5))
    local reply = c:read()
    assert.same({ "n1", "close" }, { reply.body, reply.headers.connection })
    local how, rest = c:ending()
    assert.same({ "closed", "" }, { how, rest })
    assert.equal(0, backend:record().requests)
  end)

  it("of a client that has closed its sending side are answered as far as they need no waiting", function()
    local c = g:connect()
    c:send(http.request "/n/1" .. http.request "/n/2")
    c:shut()
    assert.equal("n1", c:read().body)
    assert.equal("n2", c:read().body)
    assert.equal("closed", (c:ending()))
  end)
end)
