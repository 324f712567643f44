-- The truth is in PostgreSQL; Redis keeps what was read of it, and what sells best. Without Redis all
-- of this goes on, a little slower.
local gate        = require "moongate"
local shop, cache = gate.database "shop", gate.redis "cache"

local spare = { optional = true, within = "50ms" }

local function answer(product, cached)
  return gate.reply { headers = { ["X-Cache"] = cached and "hit" or "miss" }, json = product }
end

gate.get("/products/{sku}", function(req)
  local sku  = req.params.sku
  local kept = cache:get("product:" .. sku, spare):wait()
  if kept.ok and kept.body ~= gate.null then
    return answer(gate.json.raw(kept.body), true)
  end
  local found = shop:one("select sku, title, cents, stock from products where sku = $1", sku,
    { relay = { 404 } })
  local product = found:wait().body
  cache:set("product:" .. sku, gate.json.encode(product), "EX", 60, spare):wait()
  return answer(product, false)
end)

-- Either both statements have happened or neither: where there are not as many left, the first finds no
-- row, which is 404. Only then Redis forgets the product, and counts.
gate.post("/orders", {
  input = { body = { sku = "string", count = { "integer", min = 1, max = 100 } } },
  calls = {
    sold = shop:atomic({
      shop:one("update products set stock = stock - $2 where sku = $1 and stock >= $2 returning stock",
        "{body.sku}", "{body.count}"),
      shop:one("insert into orders (sku, count) values ($1, $2) returning id, at",
        "{body.sku}", "{body.count}"),
    }, { relay = { 404 } }),
    told = cache:atomic({
      cache:del "product:{body.sku}",
      cache:zincrby("sold", "{body.count}", "{body.sku}"),
    }, { needs = "sold", optional = true, within = "50ms" }),
  },
  reply = { order = "{sold.body[2].id}", at = "{sold.body[2].at}", left = "{sold.body[1].stock}" },
})

gate.get("/best", {
  calls = { best = cache:zrevrange("sold", 0, 9, { fallback = gate.list {} }) },
  reply = "{best.body}",
})
