local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/users/{id}", {
  witin = "200ms",
  calls = { user = users:get "/users/{id}" },
  repy  = { name = "{user.body.name}" },
})
