local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.post("/orders", {
  calls = {
    order = shop:atomic { shop:run "insert into orders default values" },
  },
})
