describe("a function", function()
  it("is answered by backends, and by the keys of gate.all", function()
    local run = drive("GET /feed", { headers = { Authorization = "Bearer x" } })
    assert.same({ "users" }, run.open)
    assert.equal("Bearer x", run.calls[1].headers.authorization)
    run.answer { users = ok { id = 5 } }
    assert.same({ "friends", "posts" }, run.open)
    local out = run.answer { posts = ok { "one" }, friends = failed "timeout" }
    assert.same({ me = { id = 5 }, posts = { "one" }, friends = null }, out.json)
    assert.equal("/by/5", run.calls.posts.path)
  end)

  it("is answered in the order of its calls", function()
    local out = drive("GET /feed").answer { ok { id = 5 }, ok { "friend" }, ok { "post" } }
    assert.same({ me = { id = 5 }, friends = { "friend" }, posts = { "post" } }, out.json)
  end)

  it("waits as long as the clock says", function()
    local run = drive "GET /slow"
    assert.is_nil(run.tick "9999ms")
    assert.same({ status = 200, json = { left = 50000 } }, run.tick "1ms")
    assert.equal(504, drive("GET /first").tick("1h").status) -- limits.within is 10 s
  end)

  it("says whether a call is made", function()
    assert.same({ gift = "a lamp", who = { kind = true } },
      drive("GET /gift").answer({ who = ok { kind = true }, gift = ok "a lamp" }).json)
    local run = drive "GET /gift"
    assert.same({ gift = null, who = { kind = false } }, run.answer({ who = ok { kind = false } }).json)
    assert.equal(1, #run.calls)
  end)

  it("takes the first that succeeds", function()
    local run = drive("GET /first")
    assert.same({ from = "b", body = { n = 1 } }, run.answer({ b = ok { n = 1 } }).json)
    assert.same({ "cancelled", "ok" }, { run.calls.a.how, run.calls.b.how })
  end)

  it("sends bodies, and what is not safe goes on unheard", function()
    local run = drive("POST /pay", { json = { cents = 250 } })
    assert.same({ cents = 250 }, run.calls.paid.json)
    assert.equal('{"cents":250}', run.calls.paid.text)
    assert.same({ cents = 250 }, run.calls.paid.body)
    assert.equal("application/json", run.calls.paid.headers["content-type"])
    run.leave()
    assert.same({ "paid" }, run.open)
    run.tick "10s"
    assert.equal("timeout", run.calls.paid.how)
  end)

  it("asks databases and Redis", function()
    local run = drive("POST /move", { json = { n = 3 } })
    local parts = run.calls[1].parts
    assert.equal("atomic", run.calls[1].verb)
    assert.same({ "run", { 3, 1 }, "query", {} }, { parts[1].verb, parts[1].args, parts[2].verb, parts[2].args })
    run.answer { crm = ok { { changes = 1, last_id = null }, { { id = 1 } } } }
    run.answer { shop = ok { name = "Ada" } }
    assert.same({ { "SET", "k", "v", "EX", "60" }, { "GET", "k" } }, run.calls.cache.commands)
    run.answer { cache = ok { "OK", "v" } }
    assert.same({ "GET", "k" }, run.calls[4].command)
    local out = run.answer { cache = ok "v" }
    assert.same({
      moved = { { changes = 1, last_id = null }, { { id = 1 } } }, name = "Ada", pair = { "OK", "v" }, one = "v",
    }, out.json)
  end)

  it("is around routes too", function()
    local run = drive("GET /my/orders", { headers = { Cookie = "sid=1" } })
    run.answer { users = ok { id = 3 } }
    assert.equal("/users/3/orders", run.calls.orders.path)
    local out = run.answer { orders = ok(list { 1 }) }
    assert.same({ status = 200, json = { orders = { 1 } } }, out)
    assert.equal("no-store", out.headers["Cache-Control"])
    out = drive("GET /my/orders").answer { users = failed "refused" }
    assert.same({ 401, "no-store" }, { out.status, out.headers["cache-control"] })
  end)

  it("shares data within a test, whose time is the test's", function()
    assert.equal(1, drive("GET /hits/a").out.json.hits)
    local run = drive("GET /hits/a")
    assert.equal(2, run.out.json.hits)
    run.tick "1m"
    assert.equal(1, drive("GET /hits/a").out.json.hits)
  end)

  it("finds nothing of other tests in it", function()
    assert.equal(1, drive("GET /hits/a").out.json.hits)
  end)

  it("reckons with gate.crypto as ever", function()
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", drive("GET /hash/abc").out.text)
  end)

  it("answers 500 for an error", function()
    local out = drive("GET /broken").out
    assert.equal(500, out.status)
    assert.is_nil(out.text:find("nobody", 1, true))
  end)
end)

describe("what is computed", function()
  it("is answered like any other call", function()
    local run = drive "GET /score/21"
    local score = run.calls.score
    assert.same({ "compute", "lib.score", "run", { 21 } }, { score.kind, score.module, score.verb, score.args })
    assert.same({ score = { score = 42 } }, run.answer({ score = ok { score = 42 } }).json)
    assert.equal(500, drive("GET /score/1").answer({ score = failed "lua" }).status)
  end)
end)

describe("a task", function()
  it("is started, which is a call that its name answers", function()
    local run = drive("POST /reports", { json = { month = 3 }, headers = { ["X-User"] = "ada" } })
    local start = run.calls.report
    assert.same({ "task", "start", "report", { month = 3 }, "ada" },
      { start.kind, start.verb, start.task, start.args, start.owner })
    local out = run.answer { report = ok "report-1f" }
    assert.same({ 202, "/reports/report-1f" }, { out.status, out.headers.location })
    assert.equal(503, drive("POST /reports", { json = {}, headers = { ["X-User"] = "ada" } })
      .answer({ report = failed "busy" }).status)
  end)

  it("shows what it has come to", function()
    local run = drive("GET /reports/report-1f", { headers = { ["X-User"] = "ada" } })
    assert.same({ "get", "report-1f" }, { run.calls.report.verb, run.calls.report.ticket })
    assert.same({ state = "running" }, run.answer({ report = ok { state = "running" } }).json)
    assert.equal(404, drive("GET /reports/x", { headers = { ["X-User"] = "ada" } })
      .answer({ report = ok(null) }).status)
  end)
end)

describe("a value", function()
  it("lands by itself, late if asked", function()
    local run = drive("GET /tenant", { headers = { Host = "moon.example.com" } })
    assert.same({ "who" }, run.open)
    assert.is_nil(run.tick "1999ms")
    assert.same({ who = { is = "moon" } }, run.tick("1ms").json)
  end)

  it("can be answered before, as what it stands for", function()
    local run = drive("GET /tenant", { headers = { Host = "moon.example.com" } })
    assert.same({ who = { is = "sun" } }, run.answer({ who = ok { is = "sun" } }).json)
    run = drive("GET /tenant", { headers = { Host = "moon.example.com" } })
    assert.equal(504, run.answer({ who = failed "timeout" }).status)
  end)
end)
