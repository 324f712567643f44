local gate  = require "moongate"
local users = gate.service "user"

gate.get("/account/{id}", { calls = { user = users:get "/users/{id}" } })
