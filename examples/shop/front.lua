-- The front page, and what belongs to no part of the shop.
local gate        = require "moongate"
local money       = require "lib.money"
local pages       = gate.files "pages"
local shop, stock = gate.database "shop", gate.service "stock"

gate.get("/", {
  within = "1s",
  calls  = {
    banner    = pages:json("banner.json", { optional = true }),
    products  = shop:query "select sku, title, cents from products order by title",
    stock     = gate.each("{products.body[].sku}", stock:get("/stock/{each}", { optional = true })),
    bought    = shop:query "select number, sku from lines",
    favorites = gate.compute("lib.suggest", "favorites", {
      args = { "{bought.body}", 3 }, fallback = gate.list {},
    }),
  },
  reply  = function(_, got)
    local products = got.products.body
    for i, product in ipairs(products) do
      local there = got.stock.body[i]
      product.price = money.text(product.cents)
      product.left  = there and there.free
    end
    return { banner = got.banner.body, products = products, favorites = got.favorites.body }
  end,
})

gate.get("/about", { pass = pages:read "about.html" })
