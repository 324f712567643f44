-- Products, one by one.
local gate        = require "moongate"
local money       = require "lib.money"
local pictures    = gate.files "pictures"
local shop, stock = gate.database "shop", gate.service "stock"
local views       = gate.shared "views"

gate.get("/products/{sku}", {
  calls = {
    product = shop:one("select sku, title, cents from products where sku = ?", "{sku}", { relay = { 404 } }),
    stock   = stock:get("/stock/{sku}", { optional = true, needs = "product" }),
    bought  = shop:query "select number, sku from lines",
    beside  = gate.compute("lib.suggest", "beside", {
      args = { "{sku}", "{bought.body}", 3 }, within = "200ms", fallback = gate.list {},
    }),
  },
  reply = function(req, got)
    local product = got.product.body
    product.price   = money.text(product.cents)
    product.left    = got.stock.ok and got.stock.body.free or nil
    product.beside  = got.beside.body -- what others have bought with it
    product.views   = views:incr(req.params.sku)
    product.picture = ("/pictures/%s.svg"):format(product.sku)
    return product
  end,
})

gate.get("/pictures/{file}", { pass = pictures:read "{file}" })
