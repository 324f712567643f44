-- examples/thread-pool: a file, a row and an API, at once and one after the other, and a pool that
-- is full.
local example = require "support.example"
local gateway = require "support.gateway"
local wait = require "support.wait"

local BODY = '{"read_api":"read_api","read_db":"read_db","result_file":"result_file"}'

describe("the thread-pool example", function()
  local run

  setup(function()
    run = example.start "examples/thread-pool"
    assert.equal(200, run:get("/blocking").status) -- the pool knows now what a query takes
  end)

  teardown(gateway.clean)

  it("answers /pool in the time of its slowest call", function()
    local best = math.huge
    local bound = wait.slack == 1 and 310 or 600
    for _ = 1, 20 do
      local reply = run:get "/pool"
      assert.same({ 200, BODY }, { reply.status, reply.body })
      assert.is_true(reply.ms >= 300)
      best = math.min(best, reply.ms)
      if best <= bound then
        break
      end
    end
    assert.is_true(best <= bound, best)
  end)

  it("answers /seq in the time of all of them", function()
    local reply = run:get "/seq"
    assert.same({ 200, BODY }, { reply.status, reply.body })
    assert.is_true(reply.ms >= 600, reply.ms)
  end)

  it("reads the file and the row anew for each request", function()
    gateway.folder({ ["pages/result.json"] = '{"value":"changed"}' }, run.dir)
    assert.equal(0, os.execute(("sqlite3 '%s/store.db' \"update results set value = 'new'\""):format(run.dir)))
    assert.equal('{"read_api":"read_api","read_db":"new","result_file":"changed"}', run:get("/pool").body)
    gateway.folder({ ["pages/result.json"] = '{"value":"result_file"}' }, run.dir)
    assert.equal(0, os.execute(("sqlite3 '%s/store.db' \"update results set value = 'read_db'\""):format(run.dir)))
  end)

  it("holds no thread for a call that waits", function()
    local before = run:threads()
    wait.below(900, function()
      local began, meanwhile = wait.now(), nil
      wait.at_once(201, function(i)
        if i == 201 then
          wait.sleep(150)
          meanwhile = run:threads()
        else
          assert.equal(BODY, run:get("/pool").body)
        end
      end)
      assert.equal(before, meanwhile)
      return wait.now() - began
    end)
  end)

  it("answers 503 at once at /blocking when its pool is full, and goes on at /pool", function()
    wait.below(250, function()
      local served, refused, slowest = 0, {}, 0
      wait.at_once(80, function(i)
        if i > 64 then
          local reply = run:get "/pool"
          assert.same({ 200, BODY }, { reply.status, reply.body })
          slowest = math.max(slowest, reply.ms)
          return
        end
        local reply = run:get "/blocking"
        if reply.status == 200 then
          assert.equal('{"counted":150000}', reply.body)
          served = served + 1
          return
        end
        assert.equal(503, reply.status)
        assert.is_truthy(reply.headers["retry-after"]:find "^%d+$")
        assert.same({ { name = "count", kind = "busy" } }, reply:json().calls)
        refused[#refused + 1] = reply.ms
      end)
      table.sort(refused)
      assert.is_true(served >= 1 and #refused >= 32, served)
      return math.max(refused[#refused], slowest * 250 / 600) -- of /pool, 600 ms
    end)
  end)
end)
