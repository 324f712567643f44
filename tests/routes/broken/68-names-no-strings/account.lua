local gate = require "moongate"
gate.service(7)
gate.get(7, function() return {} end)
gate.get("/a", "hello")
gate.get("/b", gate.service "users":get "/b")
