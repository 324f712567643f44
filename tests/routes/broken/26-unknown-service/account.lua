local gate  = require "moongate"
local users = gate.service "usres"

gate.get("/users/{id}", { calls = { user = users:get "/users/{id}" } })
