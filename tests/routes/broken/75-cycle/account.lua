local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/users/{id}", {
  calls = {
    a = users:get "/a/{b.body.id}",
    b = users:get "/b/{a.body.id}",
  },
})
