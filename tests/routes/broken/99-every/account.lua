local gate = require "moongate"

gate.every(5, "a", function() end)
gate.every("5x", "a", function() end)
gate.every("10ms", "a", function() end)
gate.every("5m", "a b", function() end)
gate.every("5m", "a", 7)
gate.every("5m", "a", {
  within = "0ms",
  witin  = "1s",
}, function() end)
gate.every("5m", "b", function() end)
gate.every("1m", "b", function() end)
gate.every("1m", function() end)
gate.get("/", { reply = {} })
