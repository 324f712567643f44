-- Which route answers: exact segments before names, HEAD and OPTIONS for free, 404 and 405; and
-- what of that is an error at load.
local gateway = require "support.gateway"
local problem = require "support.problem"

local routes = [=[
local gate = require "moongate"
gate.get("/", { reply = "root" })
gate.get("/users/{id}", { reply = { by = "id", id = "{id}" } })
gate.get("/users/me", { reply = { by = "me" } })
gate.get("/users/{id}/posts", { reply = { by = "posts", id = "{id}" } })
gate.get("/users/me/{what}", { reply = { by = "me-what", what = "{what}" } })
gate.get("/files/{rest...}", { reply = { by = "rest", rest = "{rest}" } })
gate.get("/files/{name}/raw", { reply = { by = "raw", name = "{name}" } })
gate.get("/files/index", { reply = { by = "index" } })
gate.get("/slash/", { reply = { by = "slash" } })
gate.get("/case", { reply = { by = "case" } })
gate.get("/caf\195\169", { reply = { by = "utf8" } })
gate.get("/methods", { reply = { by = "get" } })
gate.post("/methods", { reply = { by = "post" } })
gate.delete("/methods", { reply = { by = "delete" } })
gate.put("/only-put", { reply = { by = "put" } })
gate.patch("/only-put", function() return { by = "patch" } end)
gate.route("*", "/every", function(req) return { method = req.method } end)
gate.post("/every", { reply = { by = "post" } })
gate.get("/every/{id}", { reply = { by = "get", id = "{id}" } })
gate.route("*", "/every/{rest...}", function(req) return { method = req.method, rest = req.params.rest } end)
gate.route("GET", "/said", { reply = { by = "said" } })
gate.get("/big", { reply = { text = ("x"):rep(20000) } })
]=]

local g

local function answers(path, want, method)
  local reply = g:get(path, { method = method })
  assert.equal(200, reply.status, path .. ": " .. reply.body)
  assert.same(want, reply:json(), path)
end

describe("a path", function()
  setup(function() g = gateway.start { ["routes.lua"] = routes } end)
  teardown(gateway.clean)

  it("is matched by exact segments first, then by names, then by the rest", function()
    answers("/", "root")
    answers("/users/me", { by = "me" })
    answers("/users/mee", { by = "id", id = "mee" })
    answers("/users/7/posts", { by = "posts", id = "7" })
    answers("/users/me/posts", { by = "me-what", what = "posts" })
    answers("/files/index", { by = "index" })
    answers("/files/a/raw", { by = "raw", name = "a" })
    answers("/files/a/b/raw", { by = "rest", rest = "a/b/raw" })
    answers("/files/a", { by = "rest", rest = "a" })
  end)

  it("is compared after its percent-encoding is undone, segment by segment", function()
    answers("/us%65rs/m%65", { by = "me" })
    answers("/users/a%2Fb", { by = "id", id = "a/b" })
    answers("/users/a%20b%3F", { by = "id", id = "a b?" })
    answers("/caf%C3%A9", { by = "utf8" })
    answers("/files/a%2Fb/raw", { by = "raw", name = "a/b" })
  end)

  it("is matched by case, and with its slash at the end", function()
    for _, path in ipairs { "/Case", "/case/", "/slash", "/users", "/users/", "/users/7/x", "//", "/users//posts",
      "/nothing", "/files" } do
      problem.check(g:get(path), 404)
    end
    answers("/slash/", { by = "slash" })
    answers("/case?x=1", { by = "case" })
  end)
end)

describe("a method", function()
  setup(function() g = gateway.start { ["routes.lua"] = routes } end)
  teardown(gateway.clean)

  it("that no route has is 405, with what there is", function()
    for path, allow in pairs {
      ["/methods"] = "GET, HEAD, POST, DELETE, OPTIONS", ["/users/7"] = "GET, HEAD, OPTIONS",
      ["/only-put"] = "PUT, PATCH, OPTIONS",
    } do
      for _, method in ipairs { "PUT", "GET", "POST" } do
        if not (" " .. allow):find(" " .. method, 1, true) then
          local reply = g:get(path, { method = method })
          problem.check(reply, 405)
          local found, wanted = {}, {}
          for word in reply.headers.allow:gmatch "%u+" do found[#found + 1] = word end
          for word in allow:gmatch "%u+" do wanted[#wanted + 1] = word end
          table.sort(found)
          table.sort(wanted)
          assert.same(wanted, found)
        end
      end
    end
  end)

  it("is that of the route", function()
    answers("/methods", { by = "get" }, "GET")
    answers("/methods", { by = "post" }, "POST")
    answers("/methods", { by = "delete" }, "DELETE")
    answers("/only-put", { by = "patch" }, "PATCH")
    answers("/said", { by = "said" })
    answers("/every", { by = "post" }, "POST")
  end)

  it("is any for a route of \"*\", unless a route of this very method is there", function()
    for _, method in ipairs { "GET", "PUT", "PATCH", "DELETE", "OPTIONS" } do
      answers("/every", { method = method }, method)
    end
    answers("/every", { by = "post" }, "POST")
    local head = g:get("/every", { method = "HEAD" })
    assert.same({ 200, "" }, { head.status, head.body })
    problem.check(g:get("/every", { method = "BREW" }), 501)
  end)

  it("that an exact path has not is answered by a wider one of \"*\"", function()
    answers("/every/7", { by = "get", id = "7" })
    answers("/every/7", { method = "PUT", rest = "7" }, "PUT")
    answers("/every/7", { method = "OPTIONS", rest = "7" }, "OPTIONS")
    answers("/every/7/8", { method = "GET", rest = "7/8" })
  end)

  it("HEAD is GET without the body, its length told", function()
    for _, path in ipairs { "/users/7", "/big", "/every", "/nothing" } do
      local get, head = g:get(path), g:get(path, { method = "HEAD" })
      assert.same({ get.status, "", get.headers["content-type"] }, { head.status, head.body, head.headers["content-type"] })
      assert.equal(path ~= "/every" and get.headers["content-length"] or head.headers["content-length"],
        head.headers["content-length"])
    end
    local c = g:connect()
    c:ask("/big", { method = "HEAD" })
    assert.equal(200, c:ask("/users/7").status) -- nothing was left on the connection
    c:close()
  end)

  it("HEAD on a path without GET is 405, without a body", function()
    local reply = g:get("/only-put", { method = "HEAD" })
    assert.same({ 405, "" }, { reply.status, reply.body })
    assert.is_truthy(reply.headers.allow)
  end)

  it("OPTIONS says what a path allows, without a body", function()
    local reply = g:get("/methods", { method = "OPTIONS" })
    assert.same({ 204, "" }, { reply.status, reply.body })
    for _, method in ipairs { "GET", "HEAD", "POST", "DELETE", "OPTIONS" } do
      assert.is_truthy((", " .. reply.headers.allow .. ","):find(", " .. method .. ",", 1, true), reply.headers.allow)
    end
    assert.is_nil(reply.headers.allow:find("PUT", 1, true))
    problem.check(g:get("/nothing", { method = "OPTIONS" }), 404)
    assert.equal(204, g:get("*", { method = "OPTIONS" }).status)
  end)

  it("that Moongate does not know is 501", function()
    for _, method in ipairs { "BREW", "PROPFIND", "get" } do
      problem.check(g:get("/users/7", { method = method }), 501)
    end
  end)
end)

describe("routes that match equally well", function()
  after_each(gateway.clean)

  local function said(one, two)
    return gateway.check {
      ["a.lua"] = ("local gate = require 'moongate'\n%s\n"):format(one),
      ["b.lua"] = ("local gate = require 'moongate'\n\n%s\n"):format(two),
    }
  end

  it("are an error at load that names both places", function()
    for _, pair in ipairs {
      { "gate.get('/a', { reply = 1 })", "gate.get('/a', { reply = 2 })" },
      { "gate.get('/{a}', { reply = 1 })", "gate.get('/{b}', { reply = 2 })" },
      { "gate.get('/x/{a...}', { reply = 1 })", "gate.get('/x/{b...}', { reply = 2 })" },
      { "gate.get('/{a}/b/{c}', { reply = 1 })", "gate.get('/{x}/b/{y}', { reply = 2 })" },
      { "gate.get('/a%20b', { reply = 1 })", "gate.get('/a b', { reply = 2 })" },
      { "gate.route('*', '/a', { reply = 1 })", "gate.route('*', '/a', { reply = 2 })" },
    } do
      local code, text = said(pair[1], pair[2])
      assert.equal(1, code, pair[1])
      assert.is_truthy(text:find("b.lua:3: ", 1, true) and text:find("a.lua:2", 1, true), pair[1] .. ": " .. text)
    end
  end)

  it("are none when a method, a segment or their kind tells them apart", function()
    for _, pair in ipairs {
      { "gate.get('/a', { reply = 1 })", "gate.post('/a', { reply = 2 })" },
      { "gate.get('/{a}', { reply = 1 })", "gate.get('/b', { reply = 2 })" },
      { "gate.get('/{a}', { reply = 1 })", "gate.post('/{b}', { reply = 2 })" },
      { "gate.get('/x/{a...}', { reply = 1 })", "gate.get('/x/{b}', { reply = 2 })" },
      { "gate.get('/a', { reply = 1 })", "gate.route('*', '/a', { reply = 2 })" },
      { "gate.get('/{a}/b', { reply = 1 })", "gate.get('/a/{b}', { reply = 2 })" },
    } do
      local code, text = said(pair[1], pair[2])
      assert.equal(0, code, pair[1] .. pair[2] .. ": " .. text)
    end
  end)
end)
