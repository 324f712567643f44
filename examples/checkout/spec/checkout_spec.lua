local order = { json = { item = "lamp", cents = 4900, card = "any" } }

-- What was asked of stock and bank so far, such as "PUT reservations".
local function asked(run)
  local list = {}
  for i, call in ipairs(run.calls) do
    list[i] = call.method .. " " .. call.path:match "%a+"
  end
  return list
end

local both, undone = { "PUT reservations", "PUT charges" },
  { "PUT reservations", "PUT charges", "DELETE reservations", "DELETE charges" }

describe("the checkout", function()
  it("reserves, then charges", function()
    local run = drive("POST /checkout", order)
    assert.same({ "stock" }, run.open)
    assert.same({ item = "lamp" }, run.calls.stock.json)
    assert.equal(201, run.answer({ stock = ok {}, bank = ok {} }).status)
    assert.same(both, asked(run))
  end)

  it("undoes both when the card is refused", function()
    local run = drive("POST /checkout", order)
    assert.equal(402, run.answer({ stock = ok {}, bank = status(402) }).status)
    assert.same(undone, asked(run))
    assert.equal(run.calls[1].path, run.calls[3].path)
    run.answer { stock = ok {}, bank = ok {} }
  end)

  it("undoes what it does not know to be done, until it is", function()
    local run = drive("POST /checkout", order)
    run.answer { stock = ok {} }
    assert.equal(504, run.tick("1s").status)
    assert.same(undone, asked(run))
    run.answer { stock = ok {}, bank = failed "refused" }
    assert.same({}, run.open)
    run.tick "200ms"
    assert.equal(6, #run.calls)
    run.answer { stock = ok {}, bank = ok {} }
  end)

  it("does all of that when the client leaves in the middle", function()
    local run = drive("POST /checkout", order)
    run.answer { stock = ok {} }
    run.leave()
    assert.same({ "bank" }, run.open) -- a POST runs on
    run.tick "1s"
    assert.same(undone, asked(run))
    run.answer { stock = ok {}, bank = ok {} }
  end)
end)
