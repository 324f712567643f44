describe("what is shared", function()
  it("counts the visits of each page", function()
    assert.equal(1, drive("GET /visits/home").out.json.visits)
    assert.equal(2, drive("GET /visits/home").out.json.visits)
    assert.equal(1, drive("GET /visits/about").out.json.visits)
  end)

  it("lets five requests through in ten seconds", function()
    local run
    for left = 4, 0, -1 do
      run = drive "GET /limited"
      assert.same({ left = left }, run.out.json)
    end
    assert.equal(429, drive("GET /limited").out.status)
    run.tick "10s"
    assert.same({ left = 4 }, drive("GET /limited").out.json)
  end)

  it("keeps the best of a player's games", function()
    local function play(points)
      return drive("POST /scores/ada", { json = { points = points } }).out.json
    end
    assert.same({ games = 1, best = 3 }, play(3))
    assert.same({ games = 2, best = 7 }, play(7))
    assert.same({ games = 3, best = 7 }, play(5))
  end)
end)
