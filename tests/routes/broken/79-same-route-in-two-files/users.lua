local gate  = require "moongate"
local users = gate.service "users"

gate.get("/users/{name}", { calls = { user = users:get "/users/{name}" } })
