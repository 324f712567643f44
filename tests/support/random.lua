-- math.random's state is shared; this one (Lehmer's) belongs to one test, which says its seed when it fails:
--   local random = require "support.random"(seed)    -- random(6) is 1 to 6, random(0, 9) is 0 to 9
return function(seed)
  local state = (seed * 2654435 + 12345) % 2147483646 + 1
  local function next(from, to)
    state = state * 16807 % 2147483647
    local value = math.floor(state / 256)
    if not to then
      from, to = 1, from
    end
    return from + value % (to - from + 1)
  end
  for _ = 1, 8 do -- seeds that are close begin alike
    next(1)
  end
  return next
end
