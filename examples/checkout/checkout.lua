-- Reserve, charge, and undo both unless both are done: however the request ends, and whether or not
-- anybody is left to hear of it.
local gate        = require "moongate"
local stock, bank = gate.service "stock", gate.service "bank"

-- By the order's number, which makes it right to ask again, and also to undo what has not arrived yet.
-- A backend that is away is asked until it answers, for as long as gate.finally has.
local function undo(order)
  local key = { params = { order = order }, optional = true, within = "2s" }
  repeat
    local got = gate.all { stock:delete("/reservations/{order}", key), bank:delete("/charges/{order}", key) }
    local undone = got[1].ok and got[2].ok
    if not undone then
      gate.sleep "200ms"
    end
  until undone
end

gate.post("/checkout", {
  within = "1s",
  input  = { body = { item = "string", cents = { "integer", min = 1 }, card = "string" } },
  reply  = function(req)
    local order, done = gate.crypto.uuid(), false
    gate.finally(function()
      if not done then
        undo(order)
      end
    end)
    stock:put("/reservations/{order}", {
      params = { order = order }, json = { item = req.body.item }, relay = { 409 },
    }):wait()
    bank:put("/charges/{order}", {
      params = { order = order }, json = { card = req.body.card, cents = req.body.cents }, relay = { 402 },
    }):wait()
    done = true
    return gate.reply { status = 201, json = { order = order } }
  end,
})
