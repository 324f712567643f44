local gate  = require "moongate"
local blobs = gate.service "blobs"

gate.get("/blob/{name}", { within = "60s", pass = blobs:get "/blob/{name}" })
