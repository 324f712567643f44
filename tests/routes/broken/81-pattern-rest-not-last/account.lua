local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/files/{rest...}/edit", { calls = { user = users:get "/users" } })
