local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/users/{id}", {
  calls = {
    user = users:get("/users/{id}", {
      fallbak = {},
      relay   = { 404 },
    }),
    stock = shop:one("select points from wallet where user_id = ?", "{id}", { optinal = true }),
  },
})
