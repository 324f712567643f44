-- The books of a store: what is reserved. What was undone stays undone, also when it comes later.
local gate  = require "moongate"
local books = gate.database "books"

gate.put("/reservations/{order}", {
  input = { body = { item = "string" } },
  calls = {
    made = books:atomic {
      books:run("insert or ignore into entry values (?, ?, 'held')", "{order}", "{body.item}"),
      books:one("select state from entry where id = ?", "{order}"),
    },
  },
  reply = function(_, got)
    local state = got.made.body[2].state
    return gate.reply { status = state == "held" and 200 or 409, json = { state = state } }
  end,
})

gate.delete("/reservations/{order}", {
  calls = { gone = books:run("insert or replace into entry values (?, '', 'undone')", "{order}") },
})

gate.get("/books", { calls = { all = books:query "select * from entry order by id" }, reply = "{all.body}" })
