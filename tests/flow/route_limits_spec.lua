-- Limits that a route sets for itself: they count there instead of the gateway's, and nowhere else.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local http = require "support.http"
local dkjson = require "dkjson"
local limits = require "moongate.limits"

local routes = [[
  local gate = require "moongate"
  local b = gate.service "b"
  gate.post("/more", { limits = { body = "8KiB" }, reply = function(req) return tostring(#req.text) end })
  gate.post("/less", { limits = { body = "10B" }, reply = function(req) return tostring(#req.text) end })
  gate.post("/plain", function(req) return tostring(#req.text) end)
  gate.post("/fields", { limits = { fields = 2 }, reply = function(req) return req.form end })
  gate.get("/fields", { limits = { fields = 5 }, reply = function(req) return req.query end })
  gate.get("/result/{n}", { limits = { result = "2KiB" }, calls = { c = b:get "/big/{n}" } })
  gate.get("/results/{n}", { limits = { results = "1500B" }, calls = { c = b:get "/big/{n}", d = b:get "/big/1000" } })
  gate.get("/calls", { limits = { calls = 2 }, reply = function()
    for i = 1, 3 do b:get("/ok"):wait() end
    return "three"
  end })
]]

local files = {
  ["gateway.lua"] = { services = { b = "http://127.0.0.1:1" },
                      limits = { body = "1KiB", fields = 3, result = "1KiB" } },
  ["routes.lua"] = routes,
}

local function post(g, path, size)
  return g:post(path, { body = ("x"):rep(size) })
end

describe("a route's own limits", function()
  local g

  setup(function()
    files["gateway.lua"].services.b = faultd.start().url
    g = gateway.start(files)
  end)

  teardown(function()
    gateway.clean()
    faultd.clean()
  end)

  it("let more or less of a body in, to the byte", function()
    for path, most in pairs { ["/more"] = 8192, ["/less"] = 10, ["/plain"] = 1024 } do
      assert.equal(200, post(g, path, most).status, path)
      assert.equal(413, post(g, path, most + 1).status, path)
      local c = g:connect() -- an announced length is refused before a byte of the body is sent
      c:send(http.request(path, { method = "POST", headers = { ["Content-Length"] = tostring(most + 1) } }))
      assert.equal(413, c:read().status, path)
      c:close()
    end
  end)

  it("count for chunked bodies too", function()
    local function chunked(size)
      return g:post("/more", { body = ("%x\r\n%s\r\n0\r\n\r\n"):format(size, ("x"):rep(size)),
                               headers = { ["Transfer-Encoding"] = "chunked" } })
    end
    assert.equal("8192", chunked(8192).body)
    assert.equal(413, chunked(8193).status)
  end)

  it("do not count for the next request on the connection", function()
    local c = g:connect()
    assert.equal(200, c:ask("/more", { method = "POST", body = ("x"):rep(5000) }).status)
    assert.equal(413, c:ask("/plain", { method = "POST", body = ("x"):rep(5000) }).status)
    c:close()
  end)

  it("bound the fields of a form and of a query", function()
    local function form(body)
      return g:post("/fields", { body = body,
                                 headers = { ["Content-Type"] = "application/x-www-form-urlencoded" } }).status
    end
    assert.equal(200, form "a=1&b=2")
    assert.equal(400, form "a=1&b=2&c=3")
    assert.equal(200, g:get("/fields?a=1&b=2&c=3&d=4&e=5").status)
    assert.equal(400, g:get("/fields?a=1&b=2&c=3&d=4&e=5&f=6").status)
  end)

  it("bound a result, all results, and the number of calls", function()
    assert.equal(200, g:get("/result/2048").status)
    assert.equal(502, g:get("/result/2049").status)
    assert.equal(200, g:get("/results/500").status)
    local reply = g:get("/results/501")
    assert.same({ 502, "too_large" }, { reply.status, reply:json().calls[1].kind })
    reply = g:get("/calls")
    assert.equal(500, reply.status, reply.body)
    assert.truthy(reply:json().detail:find("limits.calls", 1, true), reply.body)
  end)
end)

describe("a body that is passed", function()
  after_each(gateway.clean)
  after_each(faultd.clean)

  it("may be larger than any that is collected", function()
    local backend = faultd.start()
    local g = gateway.start { ["gateway.lua"] = { services = { b = backend.url } }, ["routes.lua"] = [[
      local gate = require "moongate"
      local b = gate.service "b"
      gate.post("/large", { limits = { body = "20GiB" }, pass = b:post "/echo" })
      gate.post("/small", { limits = { body = "20B" }, pass = b:post "/echo" })
    ]] }
    local function says(path, length)
      local c = g:connect()
      c:send(http.request(path, { method = "POST",
        headers = { ["Content-Length"] = length, Expect = "100-continue" } }))
      local status = c:read({ informed = true }).status
      c:close()
      return status
    end
    assert.same({ 100, 413 }, { says("/large", "21474836480"), says("/large", "21474836481") })
    assert.same({ 100, 413 }, { says("/small", "20"), says("/small", "21") })
    assert.equal("12345", g:post("/small", { body = "12345" }):json().body)
    assert.equal(413, g:post("/small", { body = ("15\r\n%s\r\n0\r\n\r\n"):format(("x"):rep(21)),
      headers = { ["Transfer-Encoding"] = "chunked" } }).status)
  end)
end)

describe("the limits of routes", function()
  after_each(gateway.clean)

  it("are shown by `moongate check` and `moongate routes`", function()
    local code, text = gateway.check(files)
    assert.equal(0, code, text)
    assert.truthy(text:find("routes.lua:3: /more: body 8KiB", 1, true), text)
    assert.truthy(text:find("routes.lua:10: /calls: calls 2", 1, true), text)
    assert.falsy(text:find("/plain", 1, true), text)
    local folder = gateway.folder(files)
    local _, out = gateway.run("routes", folder)
    assert.truthy(out:find("/results/{n}[^\n]*limits results 1500B"), out)
    _, out = gateway.run("routes", folder, "--json")
    local shown = {}
    for _, route in ipairs(dkjson.decode(out, 1, nil, nil)) do
      shown[route.method .. " " .. route.path] = route.limits
    end
    assert.same({ body = 8192 }, shown["POST /more"])
    assert.same({ fields = 5 }, shown["GET /fields"])
    assert.same({}, shown["POST /plain"])
  end)

  it("are shown whichever they are", function()
    local set, expected, shown = {}, {}, {}
    for i, name in ipairs(limits.of_routes) do
      local one = limits.by_name[name]
      local text = limits.write(one, one.default / 2)
      expected[name] = one.default / 2
      set[i] = ("%s = %s"):format(name, one.unit == "count" and text or ("%q"):format(text))
      shown[i] = name .. " " .. text
    end
    local folder = gateway.folder { ["routes.lua"] = ('local gate = require "moongate"\n'
      .. 'gate.post("/all", { limits = { %s }, reply = function() return "" end })\n')
      :format(table.concat(set, ", ")) }
    local _, out = gateway.run("routes", folder)
    assert.truthy(out:find("  limits " .. table.concat(shown, ", ") .. "\n", 1, true), out)
    _, out = gateway.run("routes", folder, "--json")
    assert.same(expected, dkjson.decode(out, 1, nil, nil)[1].limits)
  end)
end)
