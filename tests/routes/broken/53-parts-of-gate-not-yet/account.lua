local gate = require "moongate"
local cache = gate.stream "cache"
gate.get("/feed", {
  calls = {
  },
})
