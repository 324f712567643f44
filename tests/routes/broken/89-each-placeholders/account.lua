local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/a", { calls = { list = orders:get "/orders", it = gate.each("all of {list.body}", users:get "/users/{each}") } })
gate.get("/b", { calls = { it = users:get "/users/{each}" } })
gate.get("/c", { calls = { list = orders:get "/orders",
  it = gate.each("{list.body}", users:get "/users/{each}", {
    fallback = { "{each}" },
  }) } })
gate.get("/d", { calls = { list = orders:get("/orders", { optional = true }),
  it = gate.each("{list.body}", users:get("/users/{each}", { optional = true })),
} })
gate.get("/e", { calls = { list = orders:get "/orders", it = gate.each("{lst.body}", users:get "/users/{each}") } })
gate.get("/f", { calls = { list = orders:get "/orders",
  it = gate.each("{list.body}", users:get "/users/{each[].id}", { needs = "list" }) } })
