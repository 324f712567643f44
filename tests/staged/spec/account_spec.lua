local everything = {
  profile = ok { name = "Ada", credit_id = 9 },
  orders  = ok { items = { { id = 1 }, { id = 12345678901234567890 } } },
  wallet  = ok { points = 7 },
  banner  = ok { text = "hello" },
  credit  = ok { score = 0.5 },
}

local function but(changes)
  local answers = {}
  for name, one in pairs(everything) do
    answers[name] = one
  end
  for name, one in pairs(changes) do
    answers[name] = one
  end
  return answers
end

describe("an account", function()
  it("is put together from what everybody answers", function()
    local out = drive("GET /account/42").answer(everything)
    assert.equal(200, out.status)
    assert.equal("application/json", out.headers["Content-Type"])
    assert.equal("Ada", out.json.name)
    assert.same({ text = "hello" }, out.json.banner)
    assert.same({ 7, 0.5 }, { out.json.points, out.json.credit })
    assert.is_nil(out.headers["Moongate-Partial"])
  end)

  it("starts what waits for nothing at once, the rest when it can", function()
    local run = drive("GET /account/42")
    assert.same({ "banner", "orders", "profile", "wallet" }, run.open)
    assert.is_nil(run.answer { wallet = everything.wallet, banner = everything.banner })
    assert.same({ "orders", "profile" }, run.open)
    run.answer { profile = everything.profile }
    assert.same({ "orders", "credit" }, run.open)
    assert.equal("/score/9", run.calls.credit.path)
    assert.equal(200, run.answer({ orders = everything.orders, credit = everything.credit }).status)
    assert.same({ "banner", "orders", "profile", "wallet", "credit" },
      { run.calls[1].name, run.calls[2].name, run.calls[3].name, run.calls[4].name, run.calls[5].name })
    assert.equal(4, run.most)
  end)

  it("says what is asked of whom", function()
    local run = drive("GET /account/42", { headers = { Host = "moon.example" } })
    local orders, wallet, banner = run.calls.orders, run.calls.wallet, run.calls.banner
    assert.same({ "orders", "http", "GET", "/orders", "/orders?user=42" },
      { orders.backend, orders.kind, orders.method, orders.path, orders.target })
    assert.same({ user = "42" }, orders.query)
    assert.equal("moon", orders.headers["x-tenant"])
    assert.equal("moon.example", orders.headers["X-Forwarded-Host"])
    assert.same({ "shop", "sql", "one", "select points from wallet where user_id = ?", { 42 } },
      { wallet.backend, wallet.kind, wallet.verb, wallet.sql, wallet.args })
    assert.same({ "pages", "file", "json", "banner.json" },
      { banner.backend, banner.kind, banner.verb, banner.path })
    run.answer(everything)
  end)

  it("does without what is optional or has a fallback", function()
    local out = drive("GET /account/42").answer(but {
      orders = failed "refused", wallet = status(404), banner = failed("file", "cannot be read"),
    })
    assert.same({ status = 200, json = { name = "Ada", orders = {}, points = null, banner = null, credit = 0.5 } }, out)
    assert.equal("banner=file, orders=refused, wallet=status", out.headers["Moongate-Partial"])
  end)

  it("ends with the status that it relays, and the others are cancelled", function()
    local run = drive("GET /account/42")
    local out = run.answer { profile = status(404, { error = "nobody" }) }
    assert.equal(404, out.status)
    assert.equal("application/problem+json", out.headers["content-type"])
    assert.same({}, run.open)
    assert.equal("cancelled", run.calls.orders.how)
  end)

  it("is 502 without what it needs, and what was also answered came too late", function()
    local out = drive("GET /account/42").answer {
      profile = failed "reset", orders = everything.orders, wallet = everything.wallet, banner = everything.banner,
    }
    assert.equal(502, out.status)
    assert.same({ { name = "profile", kind = "reset" } }, out.json.calls)
  end)

  it("is 502 when JSON is none, and when there is too much of it", function()
    local json = { headers = { ["Content-Type"] = "application/json" } }
    local out = drive("GET /account/1").answer { profile = ok("{", json) }
    assert.same({ 502, "malformed" }, { out.status, out.json.calls[1].kind })
    out = drive("GET /account/1").answer { profile = ok(("x"):rep(70000)) }
    assert.same({ 502, "too_large" }, { out.status, out.json.calls[1].kind })
  end)

  it("is 504 after 30 seconds, which take no time", function()
    local run = drive("GET /account/42")
    run.answer { wallet = ok { points = 1 }, banner = ok {} }
    assert.is_nil(run.tick "29999ms")
    local out = run.tick "1ms"
    assert.equal(504, out.status)
    assert.same({ 30000, "timeout" }, { run.calls.profile.ended, run.calls.profile.how })
  end)

  it("is 400 for an id that is none, before any call", function()
    local run = drive("GET /account/x")
    assert.equal(400, run.out.status)
    assert.equal(0, #run.calls)
  end)

  it("ends when its client leaves", function()
    local run = drive("GET /account/42")
    run.leave()
    assert.same({}, run.open)
    assert.is_nil(run.out)
  end)

  it("is one of several at once", function()
    local one, other = drive "GET /account/1", drive "GET /account/2"
    assert.same({ "/users/1", "/users/2" }, { one.calls.profile.path, other.calls.profile.path })
    local out = other.answer(but { profile = ok { name = "Grace", credit_id = 2 } })
    assert.equal("Grace", out.json.name)
    assert.same({ "banner", "orders", "profile", "wallet" }, one.open)
    assert.equal("Ada", one.answer(everything).json.name)
  end)

  it("can be driven by its file", function()
    assert.equal(400, drive("account.lua", { params = { id = "a/b" } }).out.status)
    local run = drive("staged/account.lua", { params = { id = 7 } })
    assert.equal("/users/7", run.calls.profile.path)
    run.answer(everything)
  end)
end)
