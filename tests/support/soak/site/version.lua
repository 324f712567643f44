-- The driver writes this file again and again: well, and with an error.
local gate = require "moongate"

gate.get("/version", function() return "1" end)
