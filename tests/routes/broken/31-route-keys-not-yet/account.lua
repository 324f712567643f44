local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/users/{id}", {
  auth   = "jwt",
  rate   = "10/s",
  when   = function() return true end,
  calls  = { user = users:get "/users/{id}" },
})
