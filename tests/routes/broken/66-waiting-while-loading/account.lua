local gate = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages = gate.database "shop", gate.files "pages"

local version = users:get("/version"):wait().body
gate.sleep "10ms"
gate.get("/version", { reply = { version = version } })
