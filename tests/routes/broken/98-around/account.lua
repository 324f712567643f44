local gate = require "moongate"
gate.get("/a", {
  before = "check",
  after  = { function() end },
  reply  = 1,
})
gate.group("/b", {
  before = true,
}, function(b)
  b.get("/x", { before = function() end })
end)
