-- A query that computes for about 50 ms, and so holds a thread of its database's pool all the time.
local gate   = require "moongate"
local blocks = gate.database "blocks"

gate.get("/blocking", {
  calls = {
    count = blocks:one([[
      with recursive counter(n) as (select 1 union all select n + 1 from counter where n < 150000)
      select count(*) as counted from counter]]),
  },
  reply = { counted = "{count.body.counted}" },
})
