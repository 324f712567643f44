local gate           = require "moongate"
local visits, quotas = gate.shared "visits", gate.shared "quotas"
local scores         = gate.shared "scores"

local AT_MOST = 5 -- requests of one address in ten seconds

gate.get("/visits/{page}", function(req)
  return { page = req.params.page, visits = visits:incr(req.params.page) }
end)

-- The key is made by the first request of an address and goes ten seconds later.
gate.get("/limited", function(req)
  local used = quotas:incr(req.ip, 1, "10s")
  if used > AT_MOST then
    gate.fail(429, "five requests in ten seconds are enough")
  end
  return { left = AT_MOST - used }
end)

-- Two fields change together, or not at all: update runs its function again if another was faster.
gate.post("/scores/{player}", {
  input = { body = { points = "integer" } },
  reply = function(req)
    return scores:update(req.params.player, function(old)
      local points = req.body.points
      return {
        games = (old and old.games or 0) + 1,
        best  = math.max(old and old.best or points, points),
      }
    end)
  end,
})
