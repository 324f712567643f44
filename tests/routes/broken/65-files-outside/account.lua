local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/pages", {
  calls = {
    a = pages:read "/etc/passwd",
    b = pages:read "../gateway.lua",
  },
})
