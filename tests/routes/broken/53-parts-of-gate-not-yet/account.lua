local gate = require "moongate"
gate.group("/api", { within = "1s" }, function(api)
  api.get("/x", function() return {} end)
end)
local cache = gate.stream "cache"
gate.every("5m", "report", function() end)
gate.get("/feed", {
  calls = {
    score = gate.compute("lib.score", "run", { args = { "{body}" } }),
    one   = gate.each("{orders.body[].id}", cache:get "/x"),
  },
})
