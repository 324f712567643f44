-- examples/tasks does what its README says.
local example = require "support.example"
local gateway = require "support.gateway"
local wait = require "support.wait"

describe("examples/tasks", function()
  teardown(gateway.clean)

  local ada = { ["X-User"] = "ada", ["Content-Type"] = "application/json" }

  it("answers at once, shows how far it is, and begins anew after a crash", function()
    wait.in_time(function() -- the slow one must not be done before the crash
      local run = example.start "examples/tasks"
      local function start(pause)
        local reply = run:post("/primes", { body = ('{"below":1000,"pause":"%s"}'):format(pause), headers = ada })
        assert.equal(202, reply.status, reply.body)
        assert.equal("/primes/" .. reply:json().id, reply.headers.location)
        return reply.headers.location
      end
      local function ask(path, user)
        return run:get(path, { headers = { ["X-User"] = user or "ada" } })
      end
      local quick, slow = start "1ms", start "60ms"
      assert.is_truthy(wait.till(function() return ask(quick):json().state == "done" end, 10000))
      assert.equal("attempt 1: there are 168 primes below 1000\n", ask(quick .. "/result").body)
      assert.equal(404, ask(quick, "bob").status)
      assert.is_truthy(wait.till(function() return ask(slow):json().progress > 0 end, 5000))
      assert.equal(409, ask(slow .. "/result").status)
      run:kill()
      run = gateway.start(run.dir)
      assert.is_truthy(wait.till(function() return ask(slow):json().state == "done" end, 20000))
      assert.equal("attempt 2: there are 168 primes below 1000\n", ask(slow .. "/result").body)
      assert.equal("attempt 1: there are 168 primes below 1000\n", ask(quick .. "/result").body)
      assert.equal(400, run:post("/primes", { body = '{"below":0}', headers = ada }).status)
    end)
  end)
end)
