local gate = require "moongate"
local cache = gate.shared "cache"
gate.every("5m", "report", function() end)
gate.get("/feed", {
  calls = {
    score = gate.compute("lib.score", "run", { args = { "{body}" } }),
    one   = gate.each("{orders.body[].id}", cache:get "/x"),
  },
})
