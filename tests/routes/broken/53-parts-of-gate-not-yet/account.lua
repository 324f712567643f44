local gate = require "moongate"
local cache = gate.stream "cache"
gate.every("5m", "report", function() end)
gate.get("/feed", {
  calls = {
  },
})
