local gate   = require "moongate"
local prices = require "lib.price"

gate.get("/prices", { reply = prices })
