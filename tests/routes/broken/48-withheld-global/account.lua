local gate = require "moongate"
local banner = io.open("banner.json"):read "*a"

gate.get("/banner", { reply = { banner = banner } })
