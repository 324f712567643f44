-- A file, a row and an API, 100, 200 and 300 ms slow: one after the other at /seq, at once at /pool.
local gate  = require "moongate"
local api   = gate.service "api"
local store = gate.database "store"
local pages = gate.files "pages"

local SELECT = "select value from results where name = ?"
local slow_file, slow_database = { delay = "100ms" }, { delay = "200ms" }

local reply = { result_file = "{file.body.value}", read_db = "{row.body.value}", read_api = "{answer.body}" }

gate.get("/pool", {
  calls = {
    file_delay = gate.value(true, slow_file),
    file       = pages:json("result.json", { needs = "file_delay" }),
    row_delay  = gate.value(true, slow_database),
    row        = store:one(SELECT, "read_db", { needs = "row_delay" }),
    answer     = api:get "/read", -- slow by itself
  },
  reply = reply,
})

gate.get("/seq", {
  calls = {
    file_delay = gate.value(true, slow_file),
    file       = pages:json("result.json", { needs = "file_delay" }),
    row_delay  = gate.value(true, { delay = "200ms", needs = "file" }),
    row        = store:one(SELECT, "read_db", { needs = "row_delay" }),
    answer     = api:get("/read", { needs = "row" }),
  },
  reply = reply,
})
