-- Numbers from 1 to `most` that a seed decides: local random = random.new(7); random(6).
local random = {}

function random.new(seed)
  local state = (seed * 2654435 + 12345) % 2147483646 + 1
  local function next(most)
    state = state * 16807 % 2147483647
    return math.floor(state / 128) % most + 1
  end
  for _ = 1, 8 do -- seeds that are close begin alike
    next(2)
  end
  return next
end

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
