-- What a backend is sent: Moongate's own fields and what the call and its service set; of the
-- client's headers and query nothing, unless the call forwards it.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local problem = require "support.problem"

local routes = [=[
local gate = require "moongate"
local users, tenants = gate.service "users", gate.service "tenants"
local function echo(path, call)
  gate.get("/plan" .. path, { calls = { it = call }, reply = "{it.body}" })
  gate.post("/plan" .. path, { calls = { it = call }, reply = "{it.body}" })
end

echo("/plain", users:get "/echo?own=1")
echo("/some", users:get("/echo?own=1", { query = { own2 = 2 },
  forward = { headers = { "Authorization", "x-one", "x-hop" }, query = { "page", "tag" } } }))
echo("/all", users:get("/echo", { forward = { headers = "*", query = "*" } }))
echo("/query-wins", users:get("/echo?user=7", { query = { ["a b"] = "{query.n}" }, forward = { query = "*" } }))
echo("/query-case", users:get("/echo", { forward = { query = { "page" } } }))
echo("/all-post", users:post("/echo", { json = { a = 1 }, forward = { headers = "*" } }))
echo("/wins", tenants:get("/echo", { headers = { ["x-one"] = "call" }, forward = { headers = "*" } }))
echo("/tenant", tenants:get "/echo")
echo("/tenant-call", tenants:get("/echo", { headers = { ["X-Tenant"] = "call" } }))

for _, verb in ipairs { "get", "post", "put", "patch", "delete" } do
  gate.get("/verb/" .. verb, { calls = { it = users[verb](users, "/echo") }, reply = "{it.body.method}" })
end
gate.get("/verb/head", { calls = { it = users:head "/echo" }, reply = { status = "{it.status}", body = "{it.body}" } })
gate.route("*", "/any", { calls = { it = users:request "/echo" }, reply = "{it.body}" })

gate.get("/function", function(req)
  local got = gate.all {
    plain  = users:get "/echo",
    some   = users:get("/echo", { forward = { headers = { "authorization" }, query = { "page" } } }),
    all    = tenants:get("/echo", { forward = { headers = "*", query = "*" }, headers = { ["x-own"] = "{headers.x-one}" } }),
  }
  return { plain = got.plain.body, some = got.some.body, all = got.all.body, ip = req.ip, host = req.host, id = req.id }
end)
for name, call in pairs { all = users:get("/echo", { forward = { query = "*" } }), tenant = tenants:get "/echo",
                          optional = users:get("/echo", { forward = { query = "*" }, optional = true }) } do
  gate.get("/calls/" .. name, function() return call:wait().body end)
end
gate.get("/caught", function()
  local _, why = pcall(function() users:get("/echo", { forward = { query = { "a" } } }):wait() end)
  return { status = why.status, detail = why.detail }
end)
gate.get("/function/query-wins", function(req)
  return users:get("/echo?user=7", { query = { ["a b"] = req.query.n }, forward = { query = "*" } }):wait().body
end)
gate.get("/me", function(req) return { ip = req.ip, host = req.host } end)
]=]

local g, backend

local function start(trusted)
  backend = faultd.start()
  g = gateway.start {
    ["gateway.lua"] = {
      services = {
        users = backend.url,
        tenants = { url = backend.url, headers = {
          ["x-tenant"] = "t-{headers.x-tenant}", ["x-fixed"] = "yes", ["x-one"] = "service" } },
      },
      trusted = trusted,
    },
    ["routes.lua"] = routes,
  }
end

local function stop()
  gateway.clean()
  faultd.clean()
end

local client = {
  { "Host", "shop.example:81" }, { "Authorization", "Bearer t" }, { "Cookie", "a=b" }, { "X-One", "1" },
  { "x-one", "2" }, { "Accept-Language", "en" }, { "User-Agent", "client/1" }, { "Accept-Encoding", "gzip" },
  { "Content-Type", "text/x-client" }, { "Connection", "X-Hop" }, { "X-Hop", "hop" },
  { "Keep-Alive", "timeout=5" }, { "TE", "trailers" }, { "X-Forwarded-For", "6.6.6.6" },
  { "X-Forwarded-Host", "evil.example" }, { "X-Forwarded-Proto", "https" }, { "X-Request-Id", "not sound: {}" },
  { "X-Tenant", "42" },
}

-- The fields that the backend got: lower-case name -> value, joined with "|" where repeated.
local function fields(got)
  local map = {}
  for _, field in ipairs(got.headers) do
    local name = field[1]:lower()
    map[name] = map[name] and map[name] .. "|" .. field[2] or field[2]
  end
  return map
end

local function own(reply)
  return {
    host = "127.0.0.1:" .. backend.port, accept = "*/*", ["user-agent"] = fields(reply:json())["user-agent"],
    ["x-forwarded-for"] = "127.0.0.1", ["x-forwarded-host"] = "shop.example:81", ["x-forwarded-proto"] = "http",
    ["x-request-id"] = reply.headers["x-request-id"],
  }
end

local function with(map, more)
  for name, value in pairs(more) do
    map[name] = value
  end
  return map
end

describe("a backend is sent", function()
  setup(function() start() end)
  teardown(stop)

  it("Moongate's own fields and nothing of the client's", function()
    local reply = g:get("/plan/plain?page=1&own=9", { headers = client })
    assert.equal("/echo?own=1", reply:json().target)
    assert.same(own(reply), fields(reply:json()))
    assert.is_truthy(fields(reply:json())["user-agent"]:find("^Moongate/%d+%.%d+"))
    assert.is_truthy(reply.headers["x-request-id"]:find("^%x+$"))
    assert.is_true(#reply.headers["x-request-id"] >= 16)
  end)

  it("the client's request id, if it is a sound one", function()
    local reply = g:get("/plan/plain", { headers = { ["x-request-id"] = "Trace-7.a_b" } })
    assert.same({ "Trace-7.a_b", "Trace-7.a_b" }, { reply.headers["x-request-id"],
      fields(reply:json())["x-request-id"] })
    assert.is_not.equal(g:get("/plan/plain").headers["x-request-id"], g:get("/plan/plain").headers["x-request-id"])
  end)

  it("the headers and query fields that the call forwards, hop-by-hop ones never", function()
    local reply = g:get("/plan/some?page=1%202&tag=a&other=x&tag=b", { headers = client })
    assert.equal("/echo?own=1&own2=2&page=1%202&tag=a&tag=b", reply:json().target)
    assert.same(with(own(reply), { authorization = "Bearer t", ["x-one"] = "1|2" }), fields(reply:json()))
  end)

  it("no query field of the client's that the call sets itself, or of another name", function()
    for _, path in ipairs { "/plan/query-wins", "/function/query-wins" } do
      local reply = g:get(path .. "?n=1&user=8&use=2&a+b=3&%75ser=9&User=4", { headers = client })
      assert.equal("/echo?user=7&a%20b=1&n=1&use=2&User=4", reply:json().target)
    end
    local reply = g:get("/plan/query-case?PAGE=1&page=2", { headers = client })
    assert.equal("/echo?page=2", reply:json().target)
  end)

  it("all of them but hop-by-hop ones where it says \"*\"", function()
    local reply = g:get("/plan/all?a=1&b=%26&a=", { headers = client })
    assert.equal("/echo?a=1&b=%26&a=", reply:json().target)
    local got = fields(reply:json())
    assert.same({ "Bearer t", "a=b", "1|2", "en", "client/1", "42" }, { got.authorization, got.cookie,
      got["x-one"], got["accept-language"], got["user-agent"], got["x-tenant"] })
    for _, name in ipairs { "connection", "x-hop", "keep-alive", "te", "content-length", "accept-encoding" } do
      assert.is_nil(got[name], name)
    end
    for _, name in ipairs { "host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id" } do
      assert.equal(own(reply)[name], got[name])
    end
  end)

  it("the call's own body and its length, whatever the client sent and forwarded", function()
    for _, headers in ipairs { { ["content-type"] = "text/x-client", expect = "100-continue" },
      { ["content-type"] = "text/x-client", ["transfer-encoding"] = "chunked" } } do
      local body = headers["transfer-encoding"] and "3\r\nabc\r\n0\r\n\r\n" or "abc"
      local reply = g:post("/plan/all-post", { body = body, headers = headers })
      local got = fields(reply:json())
      assert.same({ '{"a":1}', "7", "application/json" }, { reply:json().body, got["content-length"],
        got["content-type"] })
      assert.is_nil(got["transfer-encoding"])
      assert.is_nil(got.expect)
    end
  end)

  it("its service's headers, filled from the request; what the call sets wins", function()
    local reply = g:get("/plan/tenant", { headers = client })
    assert.same(with(own(reply), { ["x-tenant"] = "t-42", ["x-fixed"] = "yes", ["x-one"] = "service" }),
      fields(reply:json()))
    reply = g:get("/plan/tenant-call", { headers = client })
    assert.same(with(own(reply), { ["x-tenant"] = "call", ["x-fixed"] = "yes", ["x-one"] = "service" }),
      fields(reply:json()))
    local got = fields(g:get("/plan/wins", { headers = client }):json())
    assert.same({ "call", "t-42" }, { got["x-one"], got["x-tenant"] })
    problem.check(g:get "/plan/tenant", 400)
  end)

  it("nothing at all when the client's query cannot be read", function()
    backend:reset()
    local json = problem.check(g:get "/plan/all?a=%zz", 400)
    assert.same({ { at = "query", detail = "cannot be read" } }, json.errors)
    assert.equal(0, backend:record().requests)
    assert.equal(200, g:get("/plan/plain?a=%zz").status)
  end)

  it("nothing by a function either, when the client owes what the call needs", function()
    backend:reset()
    local detail = "the request is not what this route takes: "
    for path, fault in pairs {
      ["/calls/all?a=%zz"] = "query cannot be read", ["/calls/optional?a=%zz"] = "query cannot be read",
      ["/calls/tenant"] = "headers.x-tenant is missing",
    } do
      assert.equal(detail .. fault, problem.check(g:get(path), 400).detail, path)
    end
    assert.same({ status = 400, detail = detail .. "query cannot be read" }, g:get("/caught?b=%zz"):json())
    assert.equal(0, backend:record().requests)
    assert.equal(200, g:get("/calls/all?a=1").status)
    assert.equal(200, g:get("/calls/tenant", { headers = { ["X-Tenant"] = "1" } }).status)
  end)
end)

describe("a backend is sent a request with", function()
  setup(function() start() end)
  teardown(stop)

  it("the verb's method", function()
    for _, verb in ipairs { "get", "post", "put", "patch", "delete" } do
      assert.equal(verb:upper(), g:get("/verb/" .. verb):json())
    end
    assert.same({ status = 200, body = "" }, g:get("/verb/head"):json())
    assert.equal("HEAD", backend:record().log[6].raw:match "^%u+")
  end)

  it("the client's method where the call is a `request`", function()
    for _, method in ipairs { "GET", "POST", "PUT", "PATCH", "DELETE" } do
      assert.equal(method, g:get("/any", { method = method }):json().method)
    end
    backend:reset()
    assert.equal(200, g:get("/any", { method = "HEAD" }).status)
    assert.equal("HEAD", backend:record().log[1].raw:match "^%u+")
  end)

  it("the same fields when a running function made it, strings taken literally", function()
    local reply = g:get("/function?page=3&x=1", { headers = client })
    local json = reply:json()
    local function expected(more)
      local plain = own { headers = reply.headers, json = function() return json.plain end }
      return with(plain, more)
    end
    assert.same(expected {}, fields(json.plain))
    assert.same({ "/echo", "/echo?page=3", "/echo?page=3&x=1" }, { json.plain.target, json.some.target, json.all.target })
    assert.same(expected { authorization = "Bearer t" }, fields(json.some))
    local all = fields(json.all)
    assert.same({ "t-42", "service", "{headers.x-one}", "a=b" }, { all["x-tenant"], all["x-one"], all["x-own"], all.cookie })
    assert.same({ "127.0.0.1", "shop.example", reply.headers["x-request-id"] }, { json.ip, json.host, json.id })
  end)
end)

describe("forwarded headers of a proxy", function()
  teardown(stop)
  after_each(stop)

  it("are believed of a trusted one", function()
    start { "127.0.0.0/8", "10.0.0.0/8" }
    local headers = { { "Host", "inner" }, { "X-Forwarded-For", "6.6.6.6, 1.2.3.4" }, { "X-Forwarded-For", "10.1.1.1" },
      { "X-Forwarded-Host", "shop.example" }, { "X-Forwarded-Proto", "https" } }
    local got = fields(g:get("/plan/plain", { headers = headers }):json())
    assert.same({ "6.6.6.6, 1.2.3.4, 10.1.1.1, 127.0.0.1", "shop.example", "https" }, { got["x-forwarded-for"],
      got["x-forwarded-host"], got["x-forwarded-proto"] })
    assert.equal("1.2.3.4", g:get("/me", { headers = headers }):json().ip)
    assert.equal("127.0.0.1", g:get("/me"):json().ip)
  end)

  it("are not believed of any other", function()
    start { "10.0.0.0/8" }
    local headers = { { "Host", "inner" }, { "X-Forwarded-For", "1.2.3.4" }, { "X-Forwarded-Host", "evil.example" },
      { "X-Forwarded-Proto", "https" } }
    local got = fields(g:get("/plan/plain", { headers = headers }):json())
    assert.same({ "127.0.0.1", "inner", "http" }, { got["x-forwarded-for"], got["x-forwarded-host"],
      got["x-forwarded-proto"] })
    assert.same({ ip = "127.0.0.1", host = "inner" }, g:get("/me", { headers = headers }):json())
  end)
end)
