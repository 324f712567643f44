local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/users/{id}", {
  input = {
    id    = "interger",
    query = {
      page = { "integer", default = "one", min = 1 },
      size = { "integer", min = 10, max = 1 },
      sort = { "string", one_of = { "asc", 3 } },
      tags = "string[",
    },
  },
  calls = { user = users:get "/users/{id}" },
})
