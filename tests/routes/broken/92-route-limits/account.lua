local gate = require "moongate"
local users = gate.service "users"

gate.post("/users", {
  limits = {
    boddy  = "4MiB",
    header = "32KiB",
    within = "2s",
    result = "2TiB",
    calls  = "many",
  },
  calls  = { user = users:get "/users" },
})
gate.post("/more", { reply = "more", limits = "4MiB" })
gate.post("/none", { reply = "none", limits = { body = "0B" } })
gate.post("/huge", { reply = "huge", limits = { body = "2GiB" } })
