-- Routes with PostgreSQL; not there when the soak runs without it.
local gate = require "moongate"
local crm = gate.database "crm"

gate.get("/crm/{id}", {
  calls = { crm = crm:one("select $1::text as id", "{id}") }, reply = { own = "{id}", id = "{crm.body.id}" },
})
gate.post("/crm/{id}", {
  calls = { crm = crm:one([[insert into once (id, n) values ($1, 1) on conflict (id) do update set n = once.n + 1
    returning id, n]], "{id}") },
  reply = { own = "{id}", row = "{crm.body}" },
})
gate.put("/crm/{id}", {
  calls = { crm = crm:atomic {
    crm:run("insert into once (id, n) values ($1, 1) on conflict (id) do update set n = once.n + 1", "{id}"),
    crm:one("select id, n from once where id = $1", "{id}"),
  } },
  reply = { own = "{id}", row = "{crm.body[2]}" },
})
