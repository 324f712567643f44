local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/users/{id}", {
  calls = {
    user  = users:gett "/users/{id}",
    stock = shop:first "select 1",
    page  = pages.read "index.html",
  },
})
