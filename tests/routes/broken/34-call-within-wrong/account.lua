local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/users/{id}", {
  calls = {
    user  = users:get("/users/{id}", { within = 120 }),
    order = orders:get("/orders", {
      query  = { user = "{id}" },
      within = "2 minutes",
    }),
  },
})
