local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.post("/users", {
  input = {
    body = {
      name = { "string",
        match = "^[a-z]+$" },
    },
  },
  calls = { user = users:post("/users", { json = "{body}" }) },
})
