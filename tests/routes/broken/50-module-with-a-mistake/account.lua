local gate   = require "moongate"
local prices = require "lib.prices"

gate.get("/prices", { reply = prices })
