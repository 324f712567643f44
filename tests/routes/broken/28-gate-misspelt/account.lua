local gate  = require "moongate"
local users = gate.sevice "users"

gate.get("/users/{id}", { calls = { user = users:get "/users/{id}" } })
