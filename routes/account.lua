-- One account: five calls to five places, merged into one reply. All but `credit` start at once.
local gate                  = require "moongate"
local users, orders, credit = gate.service "users", gate.service "orders", gate.service "credit"
local shop, pages           = gate.database "shop", gate.files "pages"

gate.get("/account/{id}", {
  within = "200ms",                                          -- for the whole request
  input  = { id = "integer" },                               -- anything else: 400, before any call
  calls  = {
    profile = users:get("/users/{id}", { relay = { 404 } }), -- its 404 becomes ours
    orders  = orders:get("/orders", { query = { user = "{id}" }, within = "120ms",
                                      fallback = { items = gate.list {} } }),
    wallet  = shop:one("select points from wallet where user_id = ?", "{id}", { relay = { 404 } }),
    banner  = pages:json("banner.json", { optional = true }),
    credit  = credit:get "/score/{profile.body.credit_id}",  -- starts as soon as profile has landed
  },
  reply  = { name = "{profile.body.name}", orders = "{orders.body.items}",
             points = "{wallet.body.points}", banner = "{banner.body}",
             credit = "{credit.body.score}" },
})

-- Changes the wallet, then reads it: nothing but `needs` says that one waits for the other.
gate.post("/account/{id}/points", {
  input = { id = "integer", body = { add = { "integer", min = 1, max = 1000 } } },
  calls = {
    added  = shop:run("update wallet set points = points + ? where user_id = ?",
                      "{body.add}", "{id}"),
    wallet = shop:one("select points from wallet where user_id = ?", "{id}",
                      { needs = "added", relay = { 404 } }),
  },
  reply = { id = "{id}", points = "{wallet.body.points}" },
})
