-- A basket is somebody's hash in Redis, for a week: what is in it, and how many.
local gate   = require "moongate"
local basket = require "lib.basket"
local login  = require "lib.login"
local money  = require "lib.money"
local memory = gate.redis "memory"
local shop   = gate.database "shop"

local WEEK = 7 * 24 * 3600 -- s

gate.group("/basket", login.required, function(mine)
  mine.get("", function(req)
    local full = basket.read(req.context.person.id)
    return { lines = full.lines, cents = full.cents, total = money.text(full.cents) }
  end)

  mine.put("/{sku}", {
    input = { body = { count = { "integer", min = 1, max = 99 } } },
    calls = {
      product = shop:one("select sku from products where sku = ?", "{sku}", { relay = { 404 } }),
      kept    = memory:atomic({
        memory:hset("basket:{context.person.id}", "{product.body.sku}", "{body.count}"),
        memory:expire("basket:{context.person.id}", WEEK),
      }),
    },
    reply = { sku = "{sku}", count = "{body.count}" },
  })

  mine.delete("/{sku}", {
    calls = { gone = memory:hdel("basket:{context.person.id}", "{sku}") },
    reply = { removed = "{gone.body}" },
  })
end)
