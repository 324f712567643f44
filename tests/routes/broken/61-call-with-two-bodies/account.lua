local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.post("/users", {
  calls = {
    a = users:post("/users", {
      json = { name = "{body.name}" },
      text = "name",
    }),
    b = users:get("/users", { json = {} }),
  },
})
