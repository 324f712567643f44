local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/users/{id}", {
  calls = { profile = users:get "/users/{id}" },
  reply = {
    name = "{profile.boddy.name}",
  },
})
