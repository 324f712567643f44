local gate = require "moongate"

gate.get("/", {
  input = { query = {
    q = { "string", match = "a\255" },
  } },
  reply = "{query.q}",
})
