local gate  = require "moongate"
local users = gate.service "users"

gate.get("/a/{id}", {
  calls = {
    me   = users:get("/users/{id}", { when = true }),
    list = gate.each("{query.list}", users:get("/x/{each}", { when = function() return true end })),
  },
})

gate.get("/b", {
  pass  = users:get("/b", { when = function() return true end }),
})
