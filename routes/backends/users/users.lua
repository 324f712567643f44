-- Demo data. Each answer takes 30 ms, as if it came from somewhere.
local gate = require "moongate"

local users = {
  [7]  = { id = 7, name = "Grace", credit_id = "c-7" },
  [42] = { id = 42, name = "Ada", credit_id = "c-42" },
  [99] = { id = 99, name = "Linus", credit_id = "c-99" },
}

gate.get("/users/{id}", {
  input = { id = "integer" },
  calls = { work = gate.value(true, { delay = "30ms" }) },
  reply = function(req)
    return users[req.params.id] or gate.fail(404, "no such user")
  end,
})
