-- Demo data. Each answer takes 40 ms.
local gate = require "moongate"

local scores = { ["c-7"] = 640, ["c-42"] = 715, ["c-99"] = 580 }

gate.get("/score/{id}", {
  calls = { work = gate.value(true, { delay = "40ms" }) },
  reply = function(req)
    local score = scores[req.params.id]
    return score and { score = score } or gate.fail(404, "no such score")
  end,
})
