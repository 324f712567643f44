local gate  = require "moongate"
local users = gate.service "users"

gate.get("/users/{id}", { calls = { profile = users:get "/users/{id}" } })
