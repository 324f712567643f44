-- examples/checkout: whatever becomes of requests and clients, the books of stock and bank agree.
local example = require "support.example"
local gateway = require "support.gateway"
local http = require "support.http"
local wait = require "support.wait"

describe("examples/checkout", function()
  teardown(gateway.clean)

  local function order(card)
    return ('{"item":"lamp","cents":4900,"card":"%s"}'):format(card)
  end

  -- What the two books say of each order, "held taken"; and how many orders there are of each kind.
  local function books(run)
    local both, kinds, count = {}, {}, 0
    for i, port in ipairs { run.ports.STOCK, run.ports.BANK } do
      for _, entry in ipairs(http.get(port, "/books"):json()) do
        both[entry.id] = both[entry.id] or { "-", "-" }
        both[entry.id][i] = entry.state
      end
    end
    for _, states in pairs(both) do
      local kind = table.concat(states, " ")
      kinds[kind] = (kinds[kind] or 0) + 1
      count = count + 1
    end
    return kinds, count
  end

  it("does both or none, also when clients leave in the middle", function()
    local run
    wait.in_time(function() -- each has a second
      run = example.start "examples/checkout"
      local function buy(card)
        return run:post("/checkout", { body = order(card), headers = { ["Content-Type"] = "application/json" } })
      end
      assert.equal(201, buy("good").status)
      assert.equal(402, buy("empty").status)
      assert.equal(504, buy("slow").status)
      assert.equal(400, run:post("/checkout", { body = "{}", headers = { ["Content-Type"] = "application/json" } }).status)
      assert.is_truthy(wait.till(function()
        local kinds, count = books(run)
        return count == 3 and kinds["held taken"] == 1 and kinds["undone undone"] == 2
      end, 10000))
    end)

    local cards = { "good", "empty", "good", "slow" }
    wait.at_once(60, function(i)
      local body = order(cards[i % 4 + 1])
      local c = run:connect()
      c:send(http.request("/checkout", { body = body, headers = { ["Content-Type"] = "application/json" } }))
      wait.sleep(i % 15)
      c:close()
    end)
    run:stop() -- waits for what goes on, so that nothing comes any more
    local kinds, count = books(run)
    assert.is_true(count > 30 and kinds["held taken"] > 1, run:log())
    assert.equal(count, kinds["held taken"] + kinds["undone undone"], run:log())
  end)
end)
