local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"

gate.post("/path", {
  pass = users:post "/users/{body.id}",
})
gate.post("/before", {
  calls = { user = users:get "/users/{body.id}" },
  pass  = users:post "/users",
})
gate.post("/unknown", {
  pass = users:post "/users/{idd}",
})
gate.get("/optional", {
  calls = { user = users:get("/me", { optional = true }) },
  pass  = users:get("/users/{user.body.id}"),
})
gate.get("/needs", { calls = { user = users:get "/" },
  pass = users:get("/", { needs = "usr" }),
})
