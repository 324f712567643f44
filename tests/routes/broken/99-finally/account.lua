local gate = require "moongate"

gate.finally(function() end)
gate.get("/", function() gate.finaly(function() end) end)
