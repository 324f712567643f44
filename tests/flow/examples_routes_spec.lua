-- What examples/run serves answers what its front page and its `try` promise.
local example = require "support.example"
local gateway = require "support.gateway"
local places = require "support.places"
local slurp = require "support.slurp"
local wait = require "support.wait"

-- The routes have short times: on a busy machine an answer may come only when asked again; `missing`: what
-- it is to say that it lacks.
local function ask(run, path, status, missing)
  local reply
  wait.till(function()
    reply = run:get(path)
    return reply.status == status and (not missing or reply.headers["moongate-partial"] == missing)
  end, 5000)
  assert.equal(status, reply.status, reply.body)
  return reply
end

describe("the gateway in routes/", function()
  local run

  setup(function()
    run = example.start "routes"
  end)

  teardown(gateway.clean)

  it("merges five calls into the reply of /account/42", function()
    local reply
    wait.till(function()
      reply = run:get "/account/42"
      return reply.status == 200 and not reply.headers["moongate-partial"]
    end, 5000)
    assert.equal("application/json", reply.headers["content-type"])
    assert.equal('{"banner":{ "text": "Free shipping until Sunday", "link": "/shipping" },' ..
      '"credit":715,"name":"Ada","orders":[{"cents":4900,"sku":"lamp"},{"cents":12900,"sku":"chair"}],' ..
      '"points":1250}', reply.body)
  end)

  it("makes its calls at once: two delays of 30 and 40 ms in a row, 50 ms beside them", function()
    local best = math.huge
    wait.till(function()
      local reply = run:get "/account/42"
      best = reply.status == 200 and math.min(best, reply.ms) or best
      return best < 115 * wait.slack
    end, 5000)
    assert.is_true(best >= 70)
    assert.is_true(best < 115 * wait.slack, best)
  end)

  it("answers without orders when they are late, and says so", function()
    local reply = ask(run, "/account/99", 200, "orders=timeout")
    assert.equal("orders=timeout", reply.headers["moongate-partial"])
    assert.same({ name = "Linus", points = 0, credit = 580, orders = {},
      banner = { text = "Free shipping until Sunday", link = "/shipping" } }, reply:json())
  end)

  it("refuses what is no account: 400 for wrong input, 404 for an unknown one", function()
    local wrong = run:get "/account/forty-two"
    assert.equal(400, wrong.status)
    assert.same({ { at = "id", detail = "must be an integer" } }, wrong:json().errors)
    local unknown = ask(run, "/account/1", 404)
    assert.equal("application/problem+json", unknown.headers["content-type"])
    assert.is_truthy(unknown:json().detail:find "failed: %S")
  end)

  it("compares two users in a function, with and without an optional answer", function()
    local reply
    wait.till(function()
      reply = run:get "/compare/42/7"
      return reply.status == 200 and not reply.headers["moongate-partial"]
    end, 5000)
    assert.equal('{"a":{"name":"Ada","spent":17800},"b":{"name":"Grace","spent":790}}', reply.body)
    local partial = ask(run, "/compare/99/7", 200, "a_orders=timeout")
    assert.equal("a_orders=timeout", partial.headers["moongate-partial"])
    assert.equal('{"a":{"name":"Linus","spent":null},"b":{"name":"Grace","spent":790}}', partial.body)
    assert.equal(400, ask(run, "/compare/7/7", 400).status)
    assert.is_truthy(ask(run, "/compare/1/7", 404):json().detail:find "the call a failed: %S")
  end)

  it("adds points, then reads them", function()
    local function post(id, add)
      return run:post("/account/" .. id .. "/points", { json = { add = add } })
    end
    local first = post(7, 40)
    assert.same({ 200, '{"id":7,"points":350}' }, { first.status, first.body })
    assert.equal('{"id":7,"points":351}', post(7, 1).body)
    assert.same({ 400, 400, 404 }, { post(7, 0).status, post(7, 1001).status, post(1, 5).status })
  end)

  it("shows a front page that says what to try, and trusts no Host", function()
    local page = run:get("/", { headers = { Host = "shop.test:1" } })
    assert.equal("text/html; charset=utf-8", page.headers["content-type"])
    for path in page.body:gmatch '<a href="([^"]+)"' do
      assert.is_truthy(page.body:find("curl -i shop.test:1" .. path, 1, true), path)
    end
    assert.is_nil(run:get("/", { headers = { Host = "a<b>" } }).body:find("a<b>", 1, true))
  end)

  it("shows its plans by `moongate routes`", function()
    local code, out = gateway.run("routes", places.checkout .. "/routes")
    assert.equal(0, code)
    assert.is_truthy(out:find "GET +/account/{id} +template +account.lua:%d+\n")
    assert.is_truthy(out:find("credit +credit GET /score/{profile.body.credit_id} +over plain +waits for profile\n"))
    assert.is_truthy(out:find "GET +/compare/{a}/{b} +function")
  end)
end)

describe("examples/run", function()
  after_each(example.clean)

  for _, folder in ipairs(example.folders()) do
    it("can serve " .. folder .. ", and what it says to try has an answer", function()
      local path = places.checkout .. "/" .. folder
      local told = slurp(path .. "/try") .. slurp(path .. "/README.md")
      local run, count = example.start(folder), 0
      for before, target, behind in told:gmatch "curl ([^\n]-)127%.0%.0%.1:8080(/%S*)([^\n]*)" do
        local options = before .. behind
        local body = options:match "%-d '([^']*)'" or options:find "%-%-json" and "{}"
        local reply = run:get(target, { body = body, method = options:match "%-X (%u+)",
          headers = { ["Content-Type"] = body and "application/json" } })
        count = count + 1
        assert.is_true(reply.status ~= 405 and reply.body:find "no route has this path" == nil, target)
      end
      assert.is_true(count > 0)
    end)
  end
end)
