-- Every piece of Lua that the README shows runs, against backends that answer as its words say.
local gateway = require "support.gateway"
local places = require "support.places"
local process = require "support.process"
local slurp = require "support.slurp"
local wait = require "support.wait"

-- What the README's services, users, orders and old, answer: a gateway too.
local backends = [=[
local gate = require "moongate"
local users = { ["1"] = { name = "Ada", friend = 2 }, ["2"] = { name = "Grace", friend = 1 } }

gate.get("/users/{id}", function(req)
  return users[req.params.id] or gate.fail(404, "no such user")
end)
gate.get("/orders", function(req)
  return { items = { { sku = "lamp", user = req.query.user } } }
end)
gate.get("/{tenant}/users/{id}", function(req)
  return { tenant = req.params.tenant, id = req.params.id }
end)
gate.delete("/{tenant}/users/{id}", function(req)
  return { deleted = req.params.id }
end)
gate.get("/session", function(req)
  return req.cookies.sid == "ada" and { id = 1 } or gate.fail(401, "nobody")
end)
gate.get("/users/{id}/orders", function(req)
  return { "order of " .. req.params.id }
end)
gate.get("/me", function(req)
  return req.headers.authorization == "ada" and { id = 1 } or gate.fail(401, "nobody")
end)
gate.put("/photos/{user}/{id}", function(req)
  return { user = req.params.user, photo = req.params.id, bytes = #req.text }
end)
local reserved = gate.shared "reserved"
gate.put("/reservations/{id}", function(req)
  return { reserved:set(req.params.id, true) }
end)
gate.get("/reservations/{id}", function(req)
  return { reserved = reserved:get(req.params.id) or false }
end)
gate.delete("/reservations/{id}", function(req)
  return { reserved:delete(req.params.id) }
end)
gate.post("/payments/{id}", function(req)
  return req.params.id == "broke" and gate.fail(402, "no money") or {}
end)
gate.route("*", "/{rest...}", function(req)
  return { method = req.method, rest = req.params.rest, page = req.query.page }
end)
]=]

local shop = "create table wallet (user_id, points); insert into wallet values (1, 250), (3, 0);"

-- What each piece is found by, and what is asked of it.
local pieces = {
  ['gate.get("/account/{id}"'] = function(g)
    assert.same({ name = "Ada", orders = { { sku = "lamp", user = "1" } }, points = 250, friend = "Grace" },
      g:get("/account/1"):json())
    assert.equal(404, g:get("/account/3").status)
    assert.equal(400, g:get("/account/ada").status)
  end,
  ['gate.group("/api"'] = function(g)
    local host = { headers = { { "Host", "acme.example.com" } } }
    assert.same({ user = { tenant = "acme", id = "1" } }, g:get("/api/users/1", host):json())
    assert.same({ gone = { deleted = "1" } },
      g:get("/api/admin/users/1", { method = "DELETE", headers = host.headers }):json())
    assert.equal(404, g:get("/api/users/1").status)
  end,
  ['gate.group("/my"'] = function(g)
    local known = g:get("/my/orders", { headers = { { "Cookie", "sid=ada" } } })
    assert.same({ orders = { "order of 1" } }, known:json())
    assert.equal("no-store", known.headers["cache-control"])
    local unknown = g:get "/my/orders"
    assert.equal(401, unknown.status)
    assert.same({ error = "sign in first" }, unknown:json())
  end,
  ['gate.put("/photo/{id}"'] = function(g)
    local sent = g:get("/photo/7", { method = "PUT", headers = { { "Authorization", "ada" } }, body = "picture" })
    assert.same({ user = "1", photo = "7", bytes = 7 }, sent:json())
    assert.equal(502, g:get("/photo/7", { method = "PUT", body = "picture" }).status)
    assert.same({ method = "PATCH", rest = "a/b", page = "2" },
      g:get("/old/a/b?page=2", { method = "PATCH", body = "" }):json())
  end,
  ['gate.get("/pair/{a}/{b}"'] = function(g)
    assert.same({ "Ada", "Grace" }, g:get("/pair/1/2"):json())
    assert.equal(404, g:get("/pair/1/3").status)
  end,
  ['gate.post("/order/{id}"'] = function(g, backend)
    local function reserved(id)
      return backend:get("/reservations/" .. id):json().reserved
    end
    assert.same({ paid = true }, g:post("/order/paid", { body = "" }):json())
    assert.equal(502, g:post("/order/broke", { body = "" }).status)
    assert.is_true(wait.till(function() return not reserved "broke" end, 10000))
    assert.is_true(reserved "paid")
  end,
  ['gate.task("report"'] = function(g)
    local ada = { ["X-User"] = "ada" }
    local made = g:post("/reports", { json = { pages = 2 }, headers = ada })
    assert.equal(202, made.status)
    local path = made.headers.location
    assert.is_true(wait.till(function() return g:get(path, { headers = ada }):json().state == "done" end, 10000))
    assert.equal("page 1\npage 2\n", g:get(path .. "/result", { headers = ada }).body)
    assert.equal(404, g:get(path, { headers = { ["X-User"] = "bob" } }).status)
  end,
  ['gate.shared "hits"'] = function(g)
    assert.same({ hits = 1 }, g:get("/hits/home"):json())
    assert.same({ hits = 2 }, g:get("/hits/home"):json())
  end,
}

local function piece_of(block)
  for sign, ask in pairs(pieces) do
    if block:find(sign, 1, true) then
      return ask, sign
    end
  end
end

describe("what the README shows", function()
  local backend, services

  setup(function()
    backend = gateway.start { ["routes.lua"] = backends }
    services = { users = backend.url, orders = backend.url, old = backend.url, stock = backend.url }
  end)

  teardown(gateway.clean)

  local seen = {}
  for block in slurp(places.checkout .. "/README.md"):gmatch "\n```lua\n(.-)```" do
    local ask, sign = piece_of(block)
    local name = sign or block:match "[^\n]+"
    seen[name] = true

    it("runs: " .. name, function()
      assert.is_truthy(ask, "no request is made of it here")
      wait.in_time(function() -- its routes have no more time than one that reads it would give them
        local folder = gateway.folder {
          ["gateway.lua"] = { services = services, databases = { shop = "sqlite:shop.db" } },
          ["routes.lua"] = block,
        }
        assert.equal(0, (process.run { "/usr/bin/sqlite3", folder .. "/shop.db", shop }))
        ask(gateway.start(folder), backend)
      end)
    end)
  end

  it("is all that is asked here", function()
    for sign in pairs(pieces) do
      assert.is_true(seen[sign], sign .. " is not in the README")
    end
  end)
end)
