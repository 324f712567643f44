local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/path", {
  calls = { list = orders:get "/orders",
    path = users:get("/users/{list.body[].id}", { needs = "list" }) },
})
gate.get("/header", {
  calls = { list = orders:get "/orders", one = users:get("/users", {
    headers = { ["x-ids"] = "{list.body[].id}" },
  }) },
})
gate.get("/string", {
  calls = { list = orders:get "/orders" },
  reply = {
    ids = "ids: {list.body[].id}",
  },
})
