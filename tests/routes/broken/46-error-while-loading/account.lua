local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

local settings
gate.get("/users/" .. settings.version, { calls = { user = users:get "/users" } })
