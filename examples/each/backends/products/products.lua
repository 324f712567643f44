-- Products, and how often each request of the gateway has asked for one.
local gate = require "moongate"
local shop = gate.database "shop"

gate.get("/products/{id}", {
  calls = {
    asked   = shop:run("insert into asked values (?)", "{headers.x-request-id}"),
    product = shop:one("select id, name, cents from products where id = cast(? as integer)", "{id}",
      { relay = { 404 }, needs = "asked" }),
  },
  reply = "{product.body}",
})

gate.get("/asked", {
  calls = {
    asked = shop:one("select count(*) as calls from asked where request = ?", "{headers.x-request-id}"),
  },
  reply = "{asked.body}",
})
