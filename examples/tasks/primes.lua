-- Counts primes in the background: the request is answered at once, with where to look for it.
local gate = require "moongate"

local function count(from, to)
  local found = 0
  for n = math.max(from, 2), to do
    local prime, d = true, 2
    while prime and d * d <= n do
      prime, d = n % d ~= 0, d + 1
    end
    found = found + (prime and 1 or 0)
  end
  return found
end

local primes = gate.task("primes", {
  within = "1m", keep = "10m", tries = 3, owner = "{headers.x-user}",
}, function(args, task)
  local step, found = math.ceil(args.below / 20), 0
  for from = 0, args.below - 1, step do
    local to = math.min(from + step, args.below) - 1
    found = found + count(from, to)
    task:progress((to + 1) / args.below) -- also lets others have their turn
    gate.sleep(args.pause or "1ms")
  end
  task:write(("attempt %d: there are %d primes below %d\n"):format(task.attempt, found, args.below))
end)

gate.group("/primes", function(api)
  api.post("", {
    input = { body = { below = { "integer", min = 1, max = 100000 }, pause = "string?" } },
    reply = function(req)
      return gate.accepted(primes:start { below = req.body.below, pause = req.body.pause })
    end,
  })
  primes:routes(api)
end)
