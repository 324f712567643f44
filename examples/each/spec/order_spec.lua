local lines = { { product = "a", count = 2 }, { product = "b", count = 1 }, { product = "a", count = 3 } }

describe("GET /order/{id}", function()
  it("asks for each product once", function()
    local run = drive("GET /order/1")
    assert.same({ "order" }, run.open)
    run.answer { order = ok { lines = lines } }
    assert.same({ "items", "items" }, run.open)
    local out = run.answer {
      items = function(call) return ok { name = call.path:match "[^/]*$" } end,
      asked = ok { calls = 2 },
    }
    assert.same({ status = 200, json = {
      lines = lines, items = { { name = "a" }, { name = "b" }, { name = "a" } }, calls = 2,
    } }, out)
    assert.equal(2, run.most)
  end)

  it("has null for a product that does not come", function()
    local run = drive("GET /order/1")
    local out = run.answer {
      order = ok { lines = lines }, items = { failed "timeout", ok "b" }, asked = ok {},
    }
    assert.same({ null, "b", null }, out.json.items)
    assert.equal("items=timeout", out.headers["Moongate-Partial"])
  end)

  it("says 404 of an order that is not there", function()
    local run = drive("GET /order/2")
    assert.equal("2.json", run.calls.order.path)
    assert.equal(404, run.answer({ order = status(404) }).status)
  end)
end)

describe("GET /total/{id}", function()
  it("adds up what the products cost", function()
    local run = drive("GET /total/1")
    local out = run.answer {
      orders   = ok { lines = lines },
      products = function(call) return ok { cents = call.path == "/products/a" and 100 or 7 } end,
    }
    assert.same({ cents = 507 }, out.json)
  end)
end)
