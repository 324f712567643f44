local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/users/{id}", {
  input = { id = "integer?" },
  calls = { user = users:get "/users/{id}" },
})
