local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/users/{id}", {
  calls = { user = users:get "/users/{id}" },
  reply = {
    user  = "{user.body}",
    at    = os.time,
    order = orders:get "/orders",
    ratio = 0 / 0,
    list  = { 1, nil, 3 },
    mixed = { 1, x = 2 },
  },
})
