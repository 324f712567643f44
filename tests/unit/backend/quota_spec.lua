local ffi = require "ffi"

ffi.cdef [[
  unsigned probe_quota_workers(unsigned at_once, unsigned waiting, unsigned count, unsigned calls,
                               unsigned *begun, unsigned *done);
  unsigned probe_quota_race(unsigned rounds);
  void probe_quota_open(unsigned at_once, unsigned waiting, unsigned seats);
  bool probe_quota_take(unsigned seat);
  void probe_quota_give(unsigned seat);
  bool probe_quota_wait(unsigned seat);
  void probe_quota_lose_patience(unsigned seat);
  void probe_quota_leave(unsigned seat);
  unsigned probe_quota_woken(unsigned seat, unsigned *queued);
  bool probe_quota_mailed(void);
  void probe_quota_end(void);
]]
local C = ffi.C

describe("a quota", function()
  it("is exact between workers, used in full, and loses no wake-up", function()
    for _, case in ipairs { { 1, 8, 2 }, { 1, 1, 4 }, { 3, 8, 2 }, { 5, 2, 3 } } do
      local at_once, waiting, workers = unpack(case)
      local begun, done = ffi.new "unsigned[1]", ffi.new "unsigned[1]"
      local most = C.probe_quota_workers(at_once, waiting, workers, 10000, begun, done)
      assert.equal(at_once, most)
      assert.equal(begun[0], done[0])
    end
  end)

  it("wakes a seat that is refused while the place is given back", function()
    assert.equal(0, C.probe_quota_race(10000))
  end)
end)

describe("a seat at a quota", function()
  after_each(function()
    C.probe_quota_end()
  end)

  local function refused(seat)
    assert.is_false(C.probe_quota_take(seat))
    assert.is_true(C.probe_quota_wait(seat))
  end

  -- How often the seat was woken, and how many calls still wait there.
  local function woken(seat)
    local queued = ffi.new "unsigned[1]"
    local times = C.probe_quota_woken(seat, queued)
    return { times, queued[0] }
  end

  it("is woken once when another gives a place back", function()
    C.probe_quota_open(1, 8, 2)
    assert.is_true(C.probe_quota_take(0))
    refused(1)
    assert.same({ 0, 1 }, woken(1))
    C.probe_quota_give(0)
    assert.same({ 1, 0 }, woken(1))
    C.probe_quota_give(1)
    assert.is_false(C.probe_quota_mailed())
  end)

  it("is not woken when nothing waits there any more", function()
    C.probe_quota_open(1, 8, 2)
    assert.is_true(C.probe_quota_take(0))
    refused(1)
    C.probe_quota_lose_patience(1)
    C.probe_quota_give(0)
    assert.is_false(C.probe_quota_mailed())
  end)

  it("is not woken for a call that found the queue full", function()
    C.probe_quota_open(1, 1, 3)
    assert.is_true(C.probe_quota_take(0))
    refused(1)
    assert.is_false(C.probe_quota_take(2))
    assert.is_false(C.probe_quota_wait(2))
    C.probe_quota_give(0)
    assert.same({ 1, 0 }, woken(1))
    C.probe_quota_give(1)
    assert.is_false(C.probe_quota_mailed())
    assert.same({ 0, 0 }, woken(2))
  end)

  it("waits in line behind those that were refused before, and keeps its turn", function()
    C.probe_quota_open(1, 8, 3)
    assert.is_true(C.probe_quota_take(0))
    refused(2)
    refused(2)
    refused(1)
    C.probe_quota_give(0)
    assert.same({ 1, 1 }, woken(2)) -- one place for its two calls
    assert.same({ 0, 1 }, woken(1))
    C.probe_quota_give(2)
    assert.same({ 2, 0 }, woken(2))
    C.probe_quota_give(2)
    assert.same({ 1, 0 }, woken(1))
    C.probe_quota_give(1)
  end)

  it("passes on the wake-up that it has no use for", function()
    C.probe_quota_open(1, 8, 3)
    assert.is_true(C.probe_quota_take(0))
    refused(1)
    refused(2)
    C.probe_quota_give(0)
    C.probe_quota_lose_patience(1) -- the mail is on its way already
    assert.same({ 1, 0 }, woken(2))
    assert.same({ 0, 0 }, woken(1))
    C.probe_quota_give(2)
  end)

  it("passes it on when it leaves before the mail arrives", function()
    C.probe_quota_open(1, 8, 3)
    assert.is_true(C.probe_quota_take(0))
    refused(1)
    refused(2)
    C.probe_quota_give(0)
    C.probe_quota_lose_patience(1)
    C.probe_quota_leave(1)
    assert.same({ 1, 0 }, woken(2))
    C.probe_quota_give(2)
  end)
end)
