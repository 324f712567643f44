local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.post("/users", {
  input = {
    query = {
      page = { "integer", match = "[0-9]+" },
    },
    body = {
      name = { "string",
        match = 7 },
      short = { "string", min = 1.5 },
      flag  = { "boolean", max = 1 },
    },
  },
  calls = { user = users:post("/users", { json = "{body}" }) },
})
