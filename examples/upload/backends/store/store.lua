-- A small backend that keeps texts: what a real store would do with files.
local gate = require "moongate"
local db   = gate.database "store"

gate.get("/room", function()
  local row = db:one("select count(*) as count from files"):wait().body
  if row.count >= 100 then
    gate.fail(507, "the store is full")
  end
  return { left = 100 - row.count }
end)

gate.put("/files/{name}", function(req)
  db:run("insert into files values (?, ?) on conflict (name) do update set text = excluded.text",
    req.params.name, req.text):wait()
  return gate.reply { status = 201, json = { name = req.params.name, bytes = #req.text } }
end)

gate.get("/files/{name}", function(req)
  local row = db:one("select text from files where name = ?", req.params.name, { relay = { 404 } }):wait()
  return row.body.text
end)
