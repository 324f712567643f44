local gate = require "moongate"
local hits = gate.shared "hits"
local bad  = gate.shared "no name"
local none = gate.shared()
hits:set("a", 1)
hits:udpate("a", function() return 1 end)
gate.get("/", { reply = { n = hits } })
gate.get("/x", function() return bad:get "a" or none:get "a" end)
