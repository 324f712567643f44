-- What the shop says when its backends say this or that: `moongate test examples/shop`.
local LAMP = { sku = "lamp", title = "Lamp", cents = 4900 }
local SIGNED_IN = { headers = { ["Authorization"] = "Bearer abc" } }

describe("the front page", function()
  it("goes on without stock and suggestions", function()
    local run = drive("GET /")
    run.answer { banner = status(404), products = ok { LAMP }, bought = ok {} }
    local out = run.answer { stock = failed "timeout", favorites = failed "busy" }
    assert.same({ { sku = "lamp", title = "Lamp", cents = 4900, price = "49.00" } }, out.json.products)
    assert.same({}, out.json.favorites)
  end)
end)

describe("a basket", function()
  it("is for people who have signed in", function()
    assert.equal(401, drive("GET /basket").out.status)
    local run = drive("GET /basket", SIGNED_IN)
    assert.same({ "GET", "session:abc" }, run.calls.memory.command)
    assert.equal(401, run.answer({ memory = ok(null) }).status)
  end)

  it("adds up what is in it", function()
    local run = drive("GET /basket", SIGNED_IN)
    run.answer { memory = ok '{"id":1,"name":"ada"}' }
    run.answer { memory = ok { lamp = "2" } }
    local out = run.answer { shop = ok { LAMP } }
    assert.same({ 9800, "98.00" }, { out.json.cents, out.json.total })
    assert.equal("no-store", out.headers["Cache-Control"])
  end)
end)

describe("an order", function()
  it("gives back what it has reserved when it cannot be written down", function()
    local run = drive("POST /orders", SIGNED_IN)
    run.answer { memory = ok '{"id":1,"name":"ada"}' }
    run.answer { memory = ok { lamp = "2" } }
    run.answer { shop = ok { LAMP } }
    run.answer { stock = ok {} }
    assert.equal(502, run.answer({ shop = failed "sql" }).status)
    assert.same({ "stock" }, run.open)
    local undo = run.calls[#run.calls]
    assert.same({ "DELETE", run.calls.stock.path }, { undo.method, undo.path })
    run.answer { stock = ok {} }
  end)
end)
