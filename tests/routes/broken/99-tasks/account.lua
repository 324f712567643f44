local gate = require "moongate"

local one = gate.task("one", function() end)
gate.task("one", function() end)
gate.task("two", {
  within = "0ms",
  keep   = 5,
  tries  = 0,
  owner  = "{claims.sub}",
  ttl    = "1h",
}, function() end)
gate.task("three", { owner = "ada" }, function() end)
gate.task("four", { owner = "{headers}" }, function() end)
gate.task("five", { owner = "{body.user}" }, function() end)
gate.task("a b", function() end)
gate.task("six")
one:start(1)
one:stop()
one:routes {}
one:routes(gate)
one:routes(gate)
gate.accepted "x"
