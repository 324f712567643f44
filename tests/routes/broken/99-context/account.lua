local gate = require "moongate"
local users = gate.service "users"
gate.get("/a", { reply = "{context.user}" })
gate.get("/b", {
  calls = { it = users:get "/{context.user}" },
  after = function() end,
})
