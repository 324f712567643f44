local ffi = require "ffi"

ffi.cdef [[
  int probe_timers(const double *delays, const int *drops, int count, int *order);
  int probe_held_timers(const double *delays, int count, int *order, double *at);
  int probe_moved_timers(int *order);
  int probe_timer_in_the_past(int times);
  int probe_tasks(int *order, int *in_turn, int *ran);
  int probe_fini_with_open_handle(char *said, size_t size);
  bool probe_fini_forgets(void);
]]
local C = ffi.C

local function list(array, count)
  local out = {}
  for i = 1, count do
    out[i] = array[i - 1]
  end
  return out
end

-- Runs timers with these delays (ms); drops[i] is the timer that timer i drops. Both count from 1.
local function run_timers(delays, drops)
  local dropped = ffi.new("int[?]", #delays, -1)
  for i = 1, #delays do
    dropped[i - 1] = (drops and drops[i] or 0) - 1
  end
  local order = ffi.new("int[?]", #delays)
  local count = C.probe_timers(ffi.new("double[?]", #delays, delays), dropped, #delays, order)
  assert.is_true(count >= 0, "a timer ran before its time")
  local out = list(order, count)
  for i = 1, count do
    out[i] = out[i] + 1
  end
  return out
end

describe("timers", function()
  it("run in the order of their times, and those of the same time as they were set", function()
    assert.same({ 4, 2, 3, 5, 1 }, run_timers { 9, 3, 3, 1, 3 })
  end)

  it("run in order when there are many", function()
    local delays, expected = {}, {}
    math.randomseed(7)
    for i = 1, 1000 do
      delays[i], expected[i] = math.random(0, 30), i
    end
    table.sort(expected, function(a, b)
      return delays[a] < delays[b] or delays[a] == delays[b] and a < b
    end)
    assert.same(expected, run_timers(delays))
  end)

  it("do not run when another drops them, due at the same time or later", function()
    assert.same({ 1, 3 }, run_timers({ 1, 1, 2, 5 }, { 2, nil, 4 }))
  end)

  it("run when time is moved to theirs, in a loop whose time stands still", function()
    local delays = ffi.new("double[4]", 3600000, 30000, 1, 30000)
    local order, at = ffi.new "int[4]", ffi.new "double[4]"
    assert.equal(4, C.probe_held_timers(delays, 4, order, at))
    assert.same({ 2, 1, 3, 0 }, list(order, 4))
    assert.same({ 1, 30000, 30000, 3600000 }, list(at, 4))
  end)

  it("may drop themselves while they run", function()
    assert.same({ 1, 2 }, run_timers({ 1, 2 }, { 1 }))
  end)

  it("move to an earlier and a later time, and do not hold the loop once dropped", function()
    local order = ffi.new "int[3]"
    local spent = C.probe_moved_timers(order)
    assert.same({ 0, 1 }, list(order, 2))
    assert.is_true(spent >= 20 and spent < 2000, spent .. " ms")
  end)

  it("set to the past run once a turn, so that sockets get theirs", function()
    assert.is_true(C.probe_timer_in_the_past(50) >= 50)
  end)
end)

describe("deferred tasks", function()
  it("run once, in order, in a later turn, unless dropped before", function()
    local order, in_turn, ran = ffi.new "int[8]", ffi.new "int[8]", ffi.new "int[1]"
    assert.equal(0, C.probe_tasks(order, in_turn, ran))
    assert.same({ 0, 1, 3, 4 }, list(order, ran[0]))
    assert.is_true(in_turn[3] > in_turn[2], "what a task defers ran in the same turn")
  end)
end)

describe("a loop that ends", function()
  it("names a handle that is still open and aborts", function()
    local said = ffi.new "char[4096]"
    assert.equal(6, C.probe_fini_with_open_handle(said, 4096))
    assert.matches("loop ends with an open handle: tcp", ffi.string(said))
  end)

  it("forgets the timers and tasks still set", function()
    assert.is_true(C.probe_fini_forgets())
  end)
end)
