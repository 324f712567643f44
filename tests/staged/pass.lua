local gate  = require "moongate"
local store = gate.service "store"
local pages = gate.files "pages"

gate.put("/files/{name}", {
  calls = { room = store:get("/room", { relay = { 507 } }) },
  pass  = store:put "/files/{name}",
})
gate.get("/files/{name}", { pass = store:get "/files/{name}" })
gate.get("/static/{rest...}", { pass = pages:read "{rest}" })
