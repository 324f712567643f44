local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("users/{id}", { calls = { user = users:get "/users/{id}" } })
gate.get("/users/{id}", {
  calls = {
    user  = users:get "users/{id}",
    other = users:get "http://127.0.0.1:9001/users",
    third = users:get "/users/../admin",
  },
})
