local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/users/{id}", {
  calls = {
    user = users:get("/users/{id}", {
      retries = 2,
      cache   = "5m",
      hedge   = "20ms",
      stale   = "1h",
      when    = "yes",
    }),
  },
})
