local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/users/{id}", {
  calls = {
    user = users:get("/users/{id}", {
      accept = { 404, "410" },
      relay  = { 40 },
    }),
  },
})
