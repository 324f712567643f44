local gate = require "moongate"

gate.get("/a", { calls = { it = gate.compute("lib.scroe", "run") } })
gate.get("/b", { calls = { it = gate.compute("lib.score", "rnu") } })
gate.get("/c", { calls = { it = gate.compute("lib.score", "weight") } })
gate.get("/d", { calls = { it = gate.compute("lib.value", "run") } })
gate.get("/e", { calls = { it = gate.compute("score", "run") } })
gate.get("/f", { calls = { it = gate.compute("lib.score") } })
gate.get("/g", { calls = { it = gate.compute(7, "run") } })
gate.get("/h", { calls = { it = gate.compute("lib.score", "run", {
  args = "{body}",
  arg = 1,
}) } })
gate.get("/i", { calls = { it = gate.compute("lib.score", "run", { args = { x = 1 } }) } })
gate.get("/j", { calls = { it = gate.compute("lib.score", "run", {
  args = { print },
}) } })
gate.get("/k", { pass = gate.compute("lib.score", "run") })
