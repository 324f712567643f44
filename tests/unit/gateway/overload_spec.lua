-- When a worker refuses requests: turn by turn of a loop that is told its time.
local ffi = require "ffi"
local core = require "support.core"
local C = core.cdef "gateway/overload.h"

local MOST = 100

-- A worker whose turns of the loop take as long as the test says.
local function worker()
  local self = { overload = ffi.new "struct mg_overload", loop = ffi.new "struct mg_loop", at = 1000 }
  self.loop.still = self.at -- else it would read the clock

  -- A turn that begins `count` requests, each of which takes `ms` where it is not refused: how many were not.
  function self.turn(count, ms, accepting)
    local taken = 0
    self.loop.turns = self.loop.turns + 1
    self.loop.turn_ended = self.at
    for _ = 1, count do
      self.loop.still = self.at
      if C.mg_overload_looks(self.overload, self.loop, accepting or 0, MOST) then
        taken = taken + 1
        self.at = self.at + ms
      end
    end
    return taken
  end

  function self.pause(ms)
    self.at = self.at + ms
  end
  return self
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
    assert.equal(150, w.turn(150, 1))
    assert.equal(100, w.turn(500, 1))
    for _ = 1, 100 do
      assert.equal(3, w.turn(500, 1))
    end
    assert.equal(1, w.turn(500, 50))
  end)

  it("refuses within a turn that has no end", function()
    assert.equal(202, worker().turn(10000, 1))
  end)

  it("refuses when connections wait to be accepted for too long", function()
    local w = worker()
    for _ = 1, 5 do
      assert.equal(30, w.turn(30, 1, 150))
    end
    assert.is_true(w.turn(30, 1, 150) < 30)
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

  it("is not deceived by time in which it had nothing to do", function()
    local w = worker()
    for _ = 1, 10 do
      assert.equal(90, w.turn(90, 1))
      w.turn(0, 0)
      w.pause(5000)
    end
  end)
end)
