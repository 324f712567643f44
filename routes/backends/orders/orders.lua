-- Demo data. Each answer takes 50 ms. For user 99 it takes 500: too long for the gateway, which
-- then says what it has and names what is missing.
local gate = require "moongate"

local orders = {
  [7]  = gate.list { { sku = "tea", cents = 790 } },
  [42] = gate.list { { sku = "lamp", cents = 4900 }, { sku = "chair", cents = 12900 } },
  [99] = gate.list { { sku = "desk", cents = 39900 } },
}

gate.get("/orders", {
  input = { query = { user = "integer" } },
  calls = { work = gate.value(true, { delay = "50ms" }) },
  reply = function(req)
    if req.query.user == 99 then
      gate.sleep "450ms"
    end
    return { items = orders[req.query.user] or gate.list {} }
  end,
})
