local gate  = require "moongate"
local users = gate.service "users"

gate.get("/a/{id}", {
  calls = {
    me   = users:get("/users/{id}", { when = function() return true end }),
    own  = users:get("/own/{me.body.id}", { when = function(_, got) return got.me.ok end }),
    more = users:get "/more/{me.body.id}",
  },
})
