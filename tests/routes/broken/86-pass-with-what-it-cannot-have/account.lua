local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/both", {
  pass  = users:get "/users",
  reply = { a = 1 },
})
gate.get("/idle", { reply = "x",
  idle = "10s",
})
gate.get("/idle/number", { pass = users:get "/",
  idle = 10,
})
gate.post("/input", { pass = users:post "/",
  input = { query = { a = "string" },
    body = { name = "string" } },
})
gate.get("/rows", {
  pass = shop:query "select 1",
})
gate.get("/nothing", {
  pass = "users",
})
gate.post("/body", {
  pass = users:post("/", {
    json = { a = 1 },
  }),
})
gate.get("/optional", {
  pass = users:get("/", {
    optional = true,
    accept = { 404 },
    redirects = 1,
  }),
})
gate.get("/head", {
  pass = users:head "/",
})
