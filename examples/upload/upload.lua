local gate  = require "moongate"
local store = gate.service "store"

gate.put("/files/{name}", {
  calls = { room = store:get("/room", { relay = { 507 } }) }, -- before a byte of the body is asked for
  pass  = store:put "/files/{name}",
})
gate.get("/files/{name}", { idle = "10s", pass = store:get "/files/{name}" })
