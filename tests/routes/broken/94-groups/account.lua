local gate = require "moongate"
gate.group("/api", {
  withn = "1s",
  auth = "jwt",
  host = "http://a.b",
  calls = {},
  limits = { bodi = "1KiB" },
  input = { tenant = "integer" },
}, function(api)
  api.get("x", { reply = 1 })
  api.got("/x", { reply = 1 })
  api:get("/x", { reply = 1 })
  api.get("/pass", { input = { id = "integer" }, reply = 1 })
end)
gate.group("api", function() end)
gate.group("/api/", function() end)
gate.group("/{rest...}", function() end)
gate.group("/api", { within = "1s" })
gate.group("/api", "1s", function() end)
gate.group("/{query}", function(api)
  api.get("/x", { reply = 1 })
end)
gate.group("", function(api)
  api.get("", { reply = 1 })
end)
gate.get("/host", { host = "", reply = 1 })
