-- When a worker refuses requests: turn by turn of a loop that is told its time.
local ffi = require "ffi"

ffi.cdef [[
  int probe_overload_turn(int count, int ms, int accepting);
  int probe_overload_still(int count);
  void probe_overload_pause(int ms);
  void probe_overload_reset(void);
  void probe_overload_refusing(int us);
]]
local C = ffi.C

-- A worker whose limit is 100 ms.
local function worker()
  C.probe_overload_reset()
  return {
    turn = function(count, ms, accepting) return C.probe_overload_turn(count, ms, accepting or 0) end,
    pause = C.probe_overload_pause,
  }
end

describe("a worker", function()
  it("takes on all requests of a burst that is served soon", function()
    local w = worker()
    assert.equal(190, w.turn(190, 1))
    assert.equal(90, w.turn(90, 1)) -- what came meanwhile
    assert.equal(50, w.turn(50, 1))
    for _ = 1, 100 do
      assert.equal(90, w.turn(90, 1))
    end
  end)

  it("takes on one request after the other, however long each takes", function()
    local w = worker()
    for _ = 1, 10 do
      assert.equal(1, w.turn(1, 5000))
      w.turn(0, 0) -- the loop waits for events
    end
  end)

  it("refuses what it cannot do soon, when requests wait too long all the time", function()
    local w = worker()
    for _ = 1, 3 do
      assert.equal(180, w.turn(180, 1)) -- the first 100 ms are none too long
    end
    assert.equal(101, w.turn(180, 1)) -- for more than 500 ms
    for _ = 1, 100 do
      assert.equal(3, w.turn(500, 1)) -- what it can do in 2 ms
    end
  end)

  it("refuses sooner when the queue grows from turn to turn", function()
    local w = worker()
    assert.equal(2, w.turn(2, 1))
    assert.equal(20, w.turn(20, 1))
    assert.equal(200, w.turn(200, 1)) -- they wait too long from the 100th on
    assert.equal(111, w.turn(2000, 1)) -- for 200 ms
    w = worker()
    assert.equal(20, w.turn(20, 1))
    assert.equal(311, w.turn(2000, 1))
  end)

  it("does not take for growing what came during a pause of the machine", function()
    local w = worker()
    assert.equal(8, w.turn(8, 1))
    w.pause(300)
    assert.equal(290, w.turn(290, 1))
    assert.equal(200, w.turn(200, 1))
    assert.equal(100, w.turn(100, 1))
    w = worker()
    assert.equal(20, w.turn(20, 1))
    assert.equal(50, w.turn(50, 8)) -- more, but each has taken far longer
    assert.equal(10, w.turn(10, 1))
  end)

  it("refuses none of a few, however long each takes", function()
    local w = worker()
    for _ = 1, 100 do
      assert.equal(6, w.turn(6, 500))
    end
  end)

  it("takes on the first alone where more than a few come, and all of a few again", function()
    local w = worker()
    w.turn(10000, 1)
    for _ = 1, 100 do
      assert.equal(1, w.turn(7, 5))
    end
    for _ = 1, 20 do -- for 100 ms
      assert.equal(1, w.turn(6, 5))
    end
    for _ = 1, 100 do
      assert.equal(6, w.turn(6, 500))
    end
  end)

  -- Requests come evenly for a minute, ten times as many as can be done, each of 2 ms; to refuse one
  -- takes 20 us. What comes during one turn is answered in the next.
  it("keeps its turns short under ten times what it can do", function()
    local w, took, time, long = worker(), 2, 0, 0
    C.probe_overload_refusing(20)
    while time < 60000 do
      local count = 5 * took
      local taken = w.turn(count, 2)
      took = 2 * taken + math.floor((count - taken) / 50)
      time, long = time + took, long + (took > 10 and took or 0)
    end
    assert.is_true(long < 0.01 * time, ("%d of %d ms"):format(long, time))
  end)

  it("refuses within a turn that has no end", function()
    local taken = worker().turn(10000, 1)
    assert.is_true(taken > 600 and taken < 620)
  end)

  it("refuses when connections wait to be accepted for too long", function()
    local w = worker()
    for _ = 1, 17 do
      assert.equal(30, w.turn(30, 1, 150))
    end
    assert.equal(6, w.turn(30, 1, 150))
    w.pause(200)
    assert.equal(30, w.turn(30, 1))
  end)

  it("takes on all again when for a while none was refused", function()
    local w = worker()
    w.turn(10000, 1)
    assert.equal(3, w.turn(10, 1))
    for _ = 1, 60 do
      assert.equal(2, w.turn(2, 1))
    end
    assert.equal(50, w.turn(50, 1))
    assert.equal(50, w.turn(50, 1))
  end)

  it("tries to do without, for the sake of clients that ask again as soon as they are refused", function()
    local w, turns = worker(), 0
    w.turn(10000, 1)
    repeat
      turns = turns + 1
    until w.turn(12, 1) == 12 or turns > 10000
    assert.is_true(turns > 6600 and turns < 6800) -- of 3 ms each: 20 s
    for _ = 1, 100 do
      assert.equal(12, w.turn(12, 1))
    end
  end)

  it("takes on little while it tries, and tries half as often when that fails", function()
    local w, tries, at = worker(), {}, 0
    w.turn(10000, 1)
    for turn = 1, 30000 do -- of 5 ms each
      local taken = w.turn(20, 5)
      if taken > 1 then
        assert.is_true(taken <= 12)
        tries[#tries + 1], at = turn - at, turn
      end
    end
    assert.is_true(#tries >= 4 and #tries <= 7)
    assert.is_true(tries[2] > tries[1] * 1.8 and math.abs(tries[3] - tries[2]) < tries[2] / 10) -- 20 s, then 40
  end)

  it("refuses nothing in a rehearsal, whose time stands still", function()
    assert.equal(0, C.probe_overload_still(1000))
  end)

  it("is not deceived by time in which it had nothing to do", function()
    local w = worker()
    for _ = 1, 10 do
      assert.equal(90, w.turn(90, 1))
      w.turn(0, 0)
      w.pause(5000)
    end
  end)
end)
