local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/users", { calls = { it = gate.each({ 1, 2 }, users:get "/users/{each}") } })
gate.get("/users", { calls = { it = gate.each("{list.body}", "/users/{each}") } })
gate.get("/users", { calls = { it = gate.each("{list.body}", gate.each("{a.body}", users:get "/users/{each}")) } })
gate.get("/users", { calls = { it = gate.each("{list.body}", users:get("/users/{each}", { needs = "list" })) } })
gate.get("/users", { calls = { it = gate.each("{list.body}", users:get "/users/{each}", {
  at_once = 0,
  relay = { 404 },
  atonce = 3,
}) } })
gate.get("/users", { pass = gate.each("{list.body}", users:get "/users/{each}") })
