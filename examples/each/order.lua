-- An order names products; each product is asked for once, whatever the number of lines.
local gate             = require "moongate"
local orders, products = gate.files "orders", gate.service "products"

gate.get("/order/{id}", {
  input = { id = "integer" },
  calls = {
    order = orders:json("{id}.json", { relay = { 404 } }),
    items = gate.each("{order.body.lines[].product}", products:get("/products/{each}", { optional = true }),
      { at_once = 8 }),
    asked = products:get("/asked", { needs = "items" }), -- how many calls the products had for this request
  },
  reply = { lines = "{order.body.lines}", items = "{items.body}", calls = "{asked.body.calls}" },
})

-- The same in a function.
gate.get("/total/{id}", function(req)
  local order = orders:json("{id}.json", { params = req.params, relay = { 404 } }):wait().body
  local items = gate.map(order.lines, function(line)
    return products:get("/products/{product}", { params = line, fallback = { cents = 0 } })
  end)
  local cents = 0
  for i, line in ipairs(order.lines) do
    cents = cents + line.count * items[i].body.cents
  end
  return { cents = cents }
end)
