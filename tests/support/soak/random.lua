-- Numbers from 1 to `most` that a seed decides: local random = random.new(7); random(6).
local random = { new = require "support.random" }

-- A list in an order of its own.
function random.shuffled(list, next)
  local all = { unpack(list) }
  for i = #all, 2, -1 do
    local other = next(i)
    all[i], all[other] = all[other], all[i]
  end
  return all
end

return random
