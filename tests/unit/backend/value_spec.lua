local backend = require "support.backend"
local wait = require "support.wait"

local function value(json, delay, within)
  return { kind = "VALUE", value = { json = json, delay = delay }, within = within }
end

describe("gate.value", function()
  local caller
  before_each(function()
    caller = backend.value()
  end)
  after_each(function()
    assert.is_true(caller:close())
  end)

  it("lands its JSON at once, in a later turn", function()
    wait.below(1000, function()
      local result = caller:ask(value '{"a":1}')
      assert.same({ error = "ok", message = "", status = 200, body = '{"a":1}', form = "json", ms = result.ms },
        result)
      return result.ms
    end)
  end)

  it("lands after its delay, the shortest first", function()
    local slow, quick = caller:start(value("1", 60)), caller:start(value("2", 20))
    assert.equal(2, caller:wait())
    assert.is_true(quick.result.ms >= 20 and slow.result.ms >= 60)
    assert.is_true(quick.result.ms <= slow.result.ms) -- in one turn, when that comes late
  end)

  it("fails as timeout at its deadline when the delay is longer", function()
    local result = caller:ask(value("1", 60000, 15))
    assert.equal("timeout", result.error)
    assert.equal("", result.body)
    assert.is_true(result.ms >= 15 and result.ms < 5000)
  end)

  it("is in time when the delay ends with the deadline", function()
    assert.equal("ok", caller:ask(value("1", 15, 15)).error)
  end)

  it("lands once as cancelled, however often it is cancelled", function()
    local call, other = caller:start(value("1", 60000)), caller:start(value("2", 5))
    caller:cancel(call)
    caller:cancel(call)
    assert.equal(2, caller:wait())
    assert.equal("cancelled", call.result.error)
    assert.equal("2", other.result.body)
    caller:cancel(other) -- landed: no effect
    assert.equal(0, caller:wait())
  end)

  it("cancels what is in flight when it is closed", function()
    local call = caller:start(value("1", 60000))
    assert.is_true(caller:close())
    assert.is_true(call.C.result.landed)
    caller = backend.value()
  end)
end)
