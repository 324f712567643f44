local function hit(title, score)
  return { title = title, score = score }
end

describe("the search", function()
  it("merges what five shards find", function()
    local run = drive("GET /search", { query = { q = "moon" } })
    assert.same({ "s1", "s2", "s3", "s4", "s5" }, run.open)
    assert.equal("moon", run.calls.s3.query.q)
    local out = run.answer {
      s1 = ok { hit("b", 2) }, s2 = ok { hit("a", 3) }, s3 = ok { hit("c", 1) },
      s4 = ok(list {}), s5 = ok(list {}),
    }
    assert.same({ hits = { hit("a", 3), hit("b", 2), hit("c", 1) }, shards = 5 }, out.json)
  end)

  it("answers without two that are late", function()
    local run = drive("GET /search?q=moon")
    local none = ok(list {})
    run.answer { s1 = none, s2 = none, s3 = none }
    assert.same({ "s4", "s5" }, run.open)
    local out = run.tick "500ms"
    assert.same({ hits = {}, shards = 3 }, out.json)
    assert.equal("s4=timeout, s5=timeout", out.headers["moongate-partial"])
  end)

  it("gives up when three have failed", function()
    local run = drive("GET /search?q=moon")
    local out = run.answer {
      s1 = failed "refused", s2 = failed "reset", s3 = failed "timeout", s4 = ok(list {}), s5 = ok(list {}),
    }
    assert.equal(503, out.status)
    assert.equal("3 of 5 shards have failed", out.json.detail)
  end)
end)
