-- Two users side by side, by a function: what a plan cannot say, Lua can. Its calls go through the
-- same pools and limits as those of plans.
local gate          = require "moongate"
local users, orders = gate.service "users", gate.service "orders"

local function spent(result)
  if not result.ok then
    return gate.null -- optional, and it failed: the reply says so in Moongate-Partial too
  end
  local cents = 0
  for _, item in ipairs(result.body.items) do
    cents = cents + item.cents
  end
  return cents
end

gate.get("/compare/{a}/{b}", {
  within = "300ms",
  input  = { a = "integer", b = "integer" },
  reply  = function(req)
    local a, b = req.params.a, req.params.b
    if a == b then
      gate.fail(400, "comparing a user with itself says little: name two")
    end
    local got = gate.all { -- all four at once
      a        = users:get("/users/{id}", { params = { id = a }, relay = { 404 } }),
      b        = users:get("/users/{id}", { params = { id = b }, relay = { 404 } }),
      a_orders = orders:get("/orders", { query = { user = a }, optional = true }),
      b_orders = orders:get("/orders", { query = { user = b }, optional = true }),
    }
    return {
      a = { name = got.a.body.name, spent = spent(got.a_orders) },
      b = { name = got.b.body.name, spent = spent(got.b_orders) },
    }
  end,
})
