local gate = require "moongate"

gate.gett("/users", function() return {} end)
