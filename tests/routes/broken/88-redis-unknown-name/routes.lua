local gate = require "moongate"
gate.get("/", { calls = { a = gate.redis("cahce"):get "k" } })
