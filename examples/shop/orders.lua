-- Orders: what is in the basket is reserved, written down, and the basket is empty.
local gate        = require "moongate"
local basket      = require "lib.basket"
local login       = require "lib.login"
local shop, stock = gate.database "shop", gate.service "stock"

-- The order and its lines, in one transaction.
local function write_down(number, person, full)
  local statements = {
    shop:run("insert into orders (number, person, cents) values (?, ?, ?)", number, person, full.cents),
  }
  for _, line in ipairs(full.lines) do
    statements[#statements + 1] =
      shop:run("insert into lines values (?, ?, ?, ?)", number, line.sku, line.count, line.cents)
  end
  shop:atomic(statements):wait()
end

gate.group("/orders", login.required, function(orders)
  orders.get("", {
    calls = {
      orders = shop:query("select number, cents, at from orders where person = ? order by at desc, number",
        "{context.person.id}"),
    },
    reply = "{orders.body}",
  })

  orders.get("/{number}", {
    calls = {
      order = shop:one("select number, cents, at from orders where number = ? and person = ?",
        "{number}", "{context.person.id}", { relay = { 404 } }),
      lines = shop:query([[
        select sku, title, count, lines.cents from lines join products using (sku) where number = ?]],
        "{order.body.number}"),
    },
    reply = { order = "{order.body}", lines = "{lines.body}" },
  })

  -- Whatever goes wrong on the way, what was reserved is given back. examples/checkout shows what it
  -- takes when the stock may hear of both in the wrong order.
  orders.post("", function(req)
    local person = req.context.person.id
    local full   = basket.read(person)
    if #full.lines == 0 then
      gate.fail(409, "the basket is empty")
    end
    local number, done = gate.crypto.uuid(), false
    local reservation  = { params = { number = number }, json = { lines = full.lines }, relay = { 409 } }
    gate.finally(function()
      if not done then
        stock:delete("/reservations/{number}", { params = { number = number } }):wait()
      end
    end)
    stock:put("/reservations/{number}", reservation):wait()
    write_down(number, person, full)
    done = true
    basket.clear(person)
    return gate.reply {
      status  = 201,
      headers = { Location = "/orders/" .. number },
      json    = { number = number, cents = full.cents },
    }
  end)
end)
