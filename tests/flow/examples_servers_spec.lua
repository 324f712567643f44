-- examples/compute, examples/postgres-redis and examples/shop do what their READMEs say.
local example = require "support.example"
local http = require "support.http"
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
    wait.in_time(function()
      local order = {}
      wait.at_once {
        function()
          assert.equal(200, run:get("/mandelbrot/200000").status)
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
end)

describe("examples/postgres-redis", function()
  teardown(example.clean)

  it("reads through Redis, orders in a transaction, and goes on without Redis", function()
    local run = example.start("examples/postgres-redis", { patient = true })
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

describe("examples/shop", function()
  local run

  setup(function()
    run = example.start("examples/shop", { patient = true })
  end)

  teardown(example.clean)

  -- A client that keeps its cookie.
  local function visitor(name, password)
    local cookie
    local function ask(method, path, json)
      return http.get(run.port, path, { method = method, json = json,
        headers = { Cookie = cookie, Connection = "close" } })
    end
    local welcome = ask("POST", "/login", { name = name, password = password })
    cookie = welcome.status == 200 and welcome.headers["set-cookie"]:match "^[^;]*"
    return ask, welcome
  end

  it("shows what there is, from all of its backends", function()
    local front = run:get "/"
    assert.equal(200, front.status, front.body)
    local shown = front:json()
    assert.same({ "ink", "lamp", "desk" }, { shown.products[1].sku, unpack(shown.favorites, 1, 2) })
    assert.same({ "9.00", 50 }, { shown.products[1].price, shown.products[1].left })
    assert.equal("Free shipping until Sunday", shown.banner.text)
    local desk = run:get("/products/desk"):json()
    assert.same({ { "lamp", "ink" }, 1, 1 }, { desk.beside, desk.left, desk.views })
    assert.equal(2, run:get("/products/desk"):json().views)
    assert.equal(404, run:get("/products/sofa").status)
    local picture = run:get(desk.picture)
    assert.same({ 200, "image/svg+xml" }, { picture.status, picture.headers["content-type"] })
    assert.is_truthy(run:get("/about").body:find "<h1>A small shop</h1>")
  end)

  it("knows who somebody is, and lets nobody guess for long", function()
    assert.same({ 401, "no-store" }, { run:get("/me").status, run:get("/me").headers["cache-control"] })
    local ask, welcome = visitor("grace", "hopper")
    assert.same({ id = 2, name = "grace" }, ask("GET", "/me"):json())
    local bearer = run:get("/me", { headers = { Authorization = "Bearer " .. welcome:json().token } })
    assert.equal("grace", bearer:json().name)
    assert.equal(204, ask("DELETE", "/me").status)
    assert.equal(401, ask("GET", "/me").status)
    local seen = {}
    for i = 1, 6 do
      seen[i] = select(2, visitor("nobody", "x" .. i)).status
    end
    assert.same({ 401, 401, 401, 401, 401, 429 }, seen)
  end)

  it("sells what is in stock, once", function()
    local ada, grace = visitor("ada", "lovelace"), visitor("grace", "hopper")
    assert.equal(409, ada("POST", "/orders").status)
    for _, ask in ipairs { ada, grace } do
      assert.equal(200, ask("PUT", "/basket/desk", { count = 1 }).status)
    end
    assert.same({ 404, 400 }, { ada("PUT", "/basket/sofa", { count = 1 }).status,
      ada("PUT", "/basket/desk", { count = 0 }).status })
    assert.equal(200, ada("PUT", "/basket/lamp", { count = 2 }).status)
    assert.equal("447.00", ada("GET", "/basket"):json().total)
    local order = ada("POST", "/orders")
    assert.same({ 201, 44700 }, { order.status, order:json().cents }, order.body)
    assert.same({}, ada("GET", "/basket"):json().lines)
    local told = ada("GET", order.headers.location):json()
    assert.same({ 44700, { "desk", "lamp" } }, { told.order.cents, { told.lines[1].sku, told.lines[2].sku } })
    assert.equal(404, grace("GET", order.headers.location).status)
    assert.equal(1, #ada("GET", "/orders"):json())

    assert.equal(200, grace("PUT", "/basket/ink", { count = 3 }).status)
    assert.equal(409, grace("POST", "/orders").status) -- somebody has the desk
    assert.equal("desk", grace("GET", "/basket"):json().lines[1].sku)
    assert.equal(50, run:get("/products/ink"):json().left)
    assert.equal('{"removed":1}', grace("DELETE", "/basket/desk").body)
    assert.equal(201, grace("POST", "/orders").status)
    assert.equal(47, run:get("/products/ink"):json().left)
  end)
end)
