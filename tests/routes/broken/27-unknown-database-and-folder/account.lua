local gate  = require "moongate"
local shop  = gate.database "stock"
local pages = gate.files "page"

gate.get("/", { calls = { page = pages:read "index.html", stock = shop:query "select 1" } })
