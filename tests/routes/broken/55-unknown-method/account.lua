local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

gate.route("get", "/a", { calls = { user = users:get "/a" } })
gate.route("FETCH", "/b", { calls = { user = users:get "/b" } })
gate.route("HEAD", "/c", { calls = { user = users:get "/c" } })
