-- What goes with what, learnt from what was bought: rows of an order's number and a product. It takes a while
-- when there are many, so routes have it computed (gate.compute).
local gate = require "moongate"

local suggest = {}

-- The products by their score, best first, `most` at most; of equal ones the first in the alphabet.
local function best(scores, most)
  local skus, list = {}, gate.list {}
  for sku in pairs(scores) do
    skus[#skus + 1] = sku
  end
  table.sort(skus, function(a, b)
    return scores[a] > scores[b] or (scores[a] == scores[b] and a < b)
  end)
  for i = 1, math.min(most, #skus) do
    list[i] = skus[i]
  end
  return list
end

-- The set of orders that each product is in.
local function orders_of(bought)
  local orders = {}
  for _, row in ipairs(bought) do
    orders[row.sku] = orders[row.sku] or { count = 0, has = {} }
    local its = orders[row.sku]
    its.count = its.count + (its.has[row.number] and 0 or 1)
    its.has[row.number] = true
  end
  return orders
end

---What is in most orders.
function suggest.favorites(bought, most)
  local scores = {}
  for sku, its in pairs(orders_of(bought)) do
    scores[sku] = its.count
  end
  return best(scores, most)
end

---What is bought together with a product: the cosine of the sets of their orders.
function suggest.beside(sku, bought, most)
  local orders, scores = orders_of(bought), {}
  local mine = orders[sku] or { count = 0, has = {} }
  for other, its in pairs(orders) do
    local both = 0
    for number in pairs(mine.has) do
      both = both + (its.has[number] and 1 or 0)
    end
    if other ~= sku and both > 0 then
      scores[other] = both / math.sqrt(mine.count * its.count)
    end
  end
  return best(scores, most)
end

return suggest
