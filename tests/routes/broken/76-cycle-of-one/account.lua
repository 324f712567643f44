local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/users/{id}", {
  calls = {
    fine = users:get "/users/{id}",
    self = users:get("/users/{id}", { needs = "self" }),
  },
})
