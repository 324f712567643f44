-- How many there are, and what is reserved: all lines of an order, or none of them.
local gate  = require "moongate"
local store = gate.database "store"

gate.get("/stock/{sku}", {
  calls = { stock = store:one("select free from stock where sku = ?", "{sku}", { relay = { 404 } }) },
  reply = "{stock.body}",
})

gate.put("/reservations/{number}", {
  input = { body = { lines = "any[]" } },
  reply = function(req)
    local statements = {}
    for _, line in ipairs(req.body.lines) do -- too many of one: it finds no row, and nothing has happened
      statements[#statements + 1] = store:one("update stock set free = free - ? where sku = ? and free >= ? "
        .. "returning free", line.count, line.sku, line.count)
      statements[#statements + 1] =
        store:run("insert into reserved values (?, ?, ?)", req.params.number, line.sku, line.count)
    end
    if not store:atomic(statements, { optional = true }):wait().ok then
      gate.fail(409, "there is not enough of it")
    end
    return gate.reply { status = 201, json = {} }
  end,
})

gate.delete("/reservations/{number}", {
  calls = {
    gone = store:atomic {
      store:run([[
        update stock set free = free + (select sum(count) from reserved where number = ? and sku = stock.sku)
        where sku in (select sku from reserved where number = ?)]], "{number}", "{number}"),
      store:run("delete from reserved where number = ?", "{number}"),
    },
  },
})
