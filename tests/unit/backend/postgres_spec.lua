-- What of PostgreSQL needs the backend alone: how its calls land, and hosts with several addresses.
local backend = require "support.backend"
local faultd = require "support.faultd"
local postgres = require "support.postgres"
local wait = require "support.wait"

local server, caller

local function call(verb, sql, ...)
  return { kind = "SQL", sql = { verb = "MG_SQL_" .. verb, sql = sql, args = { ... } } }
end

local function outcome(ask)
  local result = caller:ask(ask)
  return { result.error, result.status, result.body }
end

describe("a PostgreSQL backend", function()
  setup(function()
    server = postgres.start()
  end)

  local function open()
    caller = assert(backend.postgres((server:url():gsub("127%.0%.0%.1", "two.test"))))
  end

  before_each(open)

  after_each(function()
    assert.is_true(caller:close())
  end)

  teardown(postgres.clean)
  teardown(faultd.clean)

  it("tries all addresses of a host before it gives it up", function()
    wait.in_time(function() -- after a first call that was slow some would not wait for their turn
      assert.is_true(caller:close())
      open()
      assert.same({ "ok", 200, '{"a":1}' }, outcome(call("ONE", "select 1 as a")))
      local calls = {}
      for i = 1, 20 do
        calls[i] = caller:start(call("ONE", "select $1::int as a", i))
      end
      assert.equal(20, caller:wait())
      for i = 1, 20 do
        assert.equal(('{"a":%d}'):format(i), calls[i].result.body)
      end
    end)
  end)

  it("gives up a host when none of them answers", function()
    assert.is_true(caller:close())
    caller = assert(backend.postgres(("postgres://app@two.test:%d/x"):format(faultd.closed_port())))
    for _ = 1, 3 do
      assert.same({ "refused", 0, "" }, outcome(call("ONE", "select 1")))
    end
  end)

  it("lands each call once, in a later turn, whatever becomes of it", function()
    local all = {
      late = { call("ONE", "select pg_sleep(20)"), 50 }, wrong = { call("RUN", "nonsense") },
      nul = { call("ONE", "select 1\0") }, none = { call("ONE", "select 1 where false") },
      fine = { call("QUERY", "select 1 as a") }, refused = { call("RUN", "begin") },
    }
    for _, one in pairs(all) do
      one[1].within = one[2]
      one.call = caller:start(one[1])
    end
    local left = caller:start(call("ONE", "select pg_sleep(20)"))
    caller:cancel(left)
    assert.equal(7, caller:wait())
    local errors = { left = left.result.error }
    for name, one in pairs(all) do
      errors[name] = one.call.result.error
    end
    assert.same({ late = "timeout", wrong = "sql", nul = "sql", none = "status", fine = "ok", refused = "sql",
      left = "cancelled" }, errors)
  end)

  it("closes while calls are under way: they land as cancelled first", function()
    local calls = {}
    for i = 1, 20 do
      calls[i] = caller:start(call("ONE", "select pg_sleep(20)"))
    end
    assert.is_true(caller:close())
    for i = 1, 20 do
      assert.is_true(calls[i].C.result.landed)
    end
    caller = assert(backend.postgres(server:url()))
  end)
end)
