-- What is in somebody's basket, at today's prices.
local gate   = require "moongate"
local memory = gate.redis "memory"
local shop   = gate.database "shop"

local basket = {}

---@return { lines: { sku: string, title: string, cents: integer, count: integer }[], cents: integer }
function basket.read(person)
  local counts = memory:hgetall("basket:" .. person):wait().body
  local skus, cents = gate.list {}, 0
  for sku in pairs(counts) do
    skus[#skus + 1] = sku
  end
  local lines = shop:query([[
    select sku, title, cents from products where sku in (select value from json_each(?)) order by sku]],
    gate.json.encode(skus)):wait().body
  for _, line in ipairs(lines) do
    line.count = tonumber(counts[line.sku])
    cents = cents + line.count * line.cents
  end
  return { lines = lines, cents = cents }
end

function basket.clear(person)
  memory:del("basket:" .. person):wait()
end

return basket
