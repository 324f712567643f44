local gate = require "moongate"
local cache = gate.stream "cache"
gate.get("/feed", {
  calls = {
    score = gate.compute("lib.score", "run", { args = { "{body}" } }),
  },
})
