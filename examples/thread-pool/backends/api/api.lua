local gate = require "moongate"

gate.get("/read", {
  calls = { answer = gate.value("read_api", { delay = "300ms" }) },
  reply = "{answer.body}",
})
