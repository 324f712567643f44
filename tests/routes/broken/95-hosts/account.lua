local gate = require "moongate"
gate.get("/a", { host = "{x}.example.com", reply = 1 })
gate.get("/a", {
  host = "{y}.Example.com", reply = 1 })
gate.get("/{x}", { host = "{x}.example.com", reply = 1 })
gate.get("/b", { host = "a{x}.example.com", reply = 1 })
