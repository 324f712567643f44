local gate = require "moongate"
local key = gate.secret "strip"
local none = gate.secret(7)
error("the key is " .. gate.secret "stripe")
