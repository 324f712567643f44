-- examples/compute, examples/postgres-redis and examples/shop do what their READMEs say.
local example = require "support.example"
local wait = require "support.wait"

describe("examples/compute", function()
  teardown(example.clean)

  it("draws a picture beside the workers, the same as in one, and answers others meanwhile", function()
    local run = example.start "examples/compute"
    local picture = run:get "/mandelbrot/60"
    assert.equal(200, picture.status, picture.body)
    assert.equal(36, select(2, picture.body:gsub("\n", "")))
    assert.equal(run:get("/here/60").body, picture.body)
    assert.is_truthy(picture.headers["x-computed-in"]:find "^%d+ ms$")
    assert.equal(400, run:get("/here/100001").status)
    local order = {}
    wait.at_once {
      function()
        assert.equal(200, run:get("/mandelbrot/30000").status)
        order[#order + 1] = "picture"
      end,
      function()
        wait.sleep(20)
        for _ = 1, 20 do
          assert.equal(200, run:get("/hello").status)
        end
        order[#order + 1] = "hello"
      end,
    }
    assert.same({ "hello", "picture" }, order)
  end)
end)

describe("examples/postgres-redis", function()
  teardown(example.clean)

  it("reads through Redis, orders in a transaction, and goes on without Redis", function()
    local run = example.start "examples/postgres-redis"
    local function read(sku)
      local reply = run:get("/products/" .. sku)
      return reply.status == 200 and { reply.headers["x-cache"], reply:json().stock } or reply.status
    end
    local function order(sku, count)
      return run:post("/orders", { json = { sku = sku, count = count } })
    end
    assert.same({ "miss", 5 }, read "lamp")
    assert.same({ "hit", 5 }, read "lamp")
    local sold = order("lamp", 3)
    assert.equal(200, sold.status, sold.body)
    assert.same({ 1, 2 }, { sold:json().order, sold:json().left })
    assert.same({ "miss", 2 }, read "lamp")
    assert.same({ 404, 404, 400 }, { order("lamp", 3).status, order("sofa", 1).status, order("lamp", 0).status })
    assert.same({ "hit", 2 }, read "lamp") -- what was not sold has changed nothing
    assert.equal('["lamp","chair"]', run:get("/best").body)
    assert.equal(404, read "sofa")
    run.servers.redis:kill()
    assert.same({ "miss", 2 }, read "lamp")
    assert.same({ 200, "[]" }, { order("lamp", 1).status, run:get("/best").body })
    assert.same({ "miss", 1 }, read "lamp")
  end)
end)
