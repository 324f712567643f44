-- The books of a bank: what was charged. What was undone stays undone, also when it comes later.
local gate  = require "moongate"
local books = gate.database "books"

gate.put("/charges/{order}", {
  input = { body = { card = "string", cents = "integer" } },
  reply = function(req)
    if req.body.card == "empty" then
      gate.fail(402, "no money is left")
    elseif req.body.card == "slow" then
      gate.sleep "1500ms"
    end
    local made = books:atomic {
      books:run("insert or ignore into entry values (?, ?, 'taken')", req.params.order, req.body.cents),
      books:one("select state from entry where id = ?", req.params.order),
    }:wait()
    local state = made.body[2].state
    return gate.reply { status = state == "taken" and 200 or 409, json = { state = state } }
  end,
})

gate.delete("/charges/{order}", {
  calls = { gone = books:run("insert or replace into entry values (?, '', 'undone')", "{order}") },
})

gate.get("/books", { calls = { all = books:query "select * from entry order by id" }, reply = "{all.body}" })
