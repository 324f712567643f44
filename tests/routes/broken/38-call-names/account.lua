local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/users/{id}", {
  calls = {
    query       = users:get "/users",
    id          = users:get "/users/{id}",
    ["by-name"] = users:get "/users/by-name",
  },
})
