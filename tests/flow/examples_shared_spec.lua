-- examples/shared: counters, a limit and scores that all workers have in common.
local example = require "support.example"
local gateway = require "support.gateway"

describe("the shared example", function()
  local run

  setup(function()
    run = example.start("examples/shared", { workers = 2 })
  end)

  teardown(gateway.clean)

  it("counts the visits of a page, whichever worker answers", function()
    for i = 1, 20 do
      assert.same({ page = "home", visits = i }, run:get("/visits/home"):json())
    end
    assert.equal(1, run:get("/visits/about"):json().visits)
  end)

  it("lets an address in five times in ten seconds, then answers 429", function()
    for left = 4, 0, -1 do
      assert.same({ left = left }, run:get("/limited"):json())
    end
    local reply = run:get "/limited"
    assert.same({ 429, "application/problem+json" }, { reply.status, reply.headers["content-type"] })
  end)

  it("keeps the games and the best of a player", function()
    local best
    for i, points in ipairs { 3, 7, 5 } do
      best = math.max(best or 0, points)
      local reply = run:post("/scores/ada", { body = ('{"points":%d}'):format(points),
        headers = { ["Content-Type"] = "application/json" } })
      assert.same({ games = i, best = best }, reply:json())
    end
  end)
end)
