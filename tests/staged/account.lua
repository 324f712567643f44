local gate          = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, pages   = gate.database "shop", gate.files "pages"

gate.get("/account/{id}", {
  within = "30s",
  input  = { id = "integer" },
  calls  = {
    profile = users:get("/users/{id}", { relay = { 404 } }),
    orders  = orders:get("/orders", { query = { user = "{id}" }, fallback = { items = gate.list {} } }),
    wallet  = shop:one("select points from wallet where user_id = ?", "{id}", { optional = true }),
    banner  = pages:json("banner.json", { optional = true }),
    credit  = users:get "/score/{profile.body.credit_id}",
  },
  reply  = { name = "{profile.body.name}", orders = "{orders.body.items}", points = "{wallet.body.points}",
             banner = "{banner.body}", credit = "{credit.body.score}" },
})
