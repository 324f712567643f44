local ffi = require "ffi"
local wait = require "support.wait"

ffi.cdef [[
  bool probe_pool_open(unsigned threads, unsigned queue, int nice);
  int probe_pool_submit(unsigned ms, double patience);
  int probe_pool_submit_begun(unsigned ms);
  void probe_pool_cancel(int job);
  void probe_pool_await_gate(unsigned jobs);
  void probe_pool_await_desks(unsigned closed);
  void probe_pool_open_gate(void);
  void probe_pool_await_jobs(void);
  int probe_pool_job(int job);
  bool probe_pool_open_to_end(unsigned queue);
  int probe_pool_submit_homeless(unsigned ms);
  void probe_pool_await_done(int job);
  bool probe_pool_leave(unsigned ms);
  int probe_pool_end(void);
  const char *probe_pool_desk(unsigned number, int *nice, bool *signals_blocked);
]]
local C = ffi.C

local gate, long = 0, 1e9 -- a job that stands at the gate; a patience in ms that nothing exceeds
local ran, skipped, home, late = 1, 2, 4, 8

describe("a pool", function()
  it("refuses a job as busy when its threads and its queue are full, and takes the rest", function()
    assert.is_true(C.probe_pool_open(2, 3, 0))
    for _ = 1, 5 do
      assert.is_true(C.probe_pool_submit(gate, long) >= 0)
    end
    assert.equal(-1, C.probe_pool_submit(gate, long))
    C.probe_pool_open_gate()
    C.probe_pool_await_jobs()
    for job = 0, 4 do
      assert.equal(ran + home, C.probe_pool_job(job))
    end
    assert.is_true(C.probe_pool_submit(1, long) >= 0)
    C.probe_pool_await_jobs()
    assert.equal(0, C.probe_pool_end())
  end)

  it("takes a job that goes on with what was begun, though its queue is full", function()
    C.probe_pool_open(1, 1, 0)
    for _ = 1, 2 do
      assert.is_true(C.probe_pool_submit(gate, long) >= 0)
    end
    assert.equal(-1, C.probe_pool_submit(gate, long))
    local begun = C.probe_pool_submit_begun(1)
    assert.is_true(begun >= 0)
    assert.equal(-1, C.probe_pool_submit(gate, long))
    C.probe_pool_open_gate()
    C.probe_pool_await_jobs()
    assert.equal(ran + home, C.probe_pool_job(begun))
    assert.equal(0, C.probe_pool_end())
  end)

  it("refuses a job whose expected wait exceeds its patience", function()
    C.probe_pool_open(1, 100, 0)
    C.probe_pool_submit(40, long) -- the mean time of a job is now 40 ms or more
    C.probe_pool_await_jobs()
    assert.is_true(C.probe_pool_submit(gate, 0) >= 0) -- the thread is free: no wait
    C.probe_pool_await_gate(1)
    assert.is_true(C.probe_pool_submit(gate, 60000) >= 0) -- on a busy machine the 40 ms may be many
    assert.equal(-1, C.probe_pool_submit(gate, 60)) -- two jobs ahead, 80 ms
    C.probe_pool_open_gate()
    C.probe_pool_await_jobs()
    C.probe_pool_end()
  end)

  it("refuses impatient jobs while its only thread hangs in its first job", function()
    C.probe_pool_open(1, 100, 0)
    C.probe_pool_submit(gate, long)
    C.probe_pool_await_gate(1)
    local since = os.clock()
    repeat until os.clock() - since > 0.05 -- CPU time: at least as much has passed
    assert.equal(-1, C.probe_pool_submit(gate, 20))
    assert.is_true(C.probe_pool_submit(gate, long) >= 0)
    C.probe_pool_open_gate()
    C.probe_pool_await_jobs()
    C.probe_pool_end()
  end)

  it("takes patient jobs though its threads stood still for a moment", function()
    C.probe_pool_open(1, 1000, 0)
    local since = wait.now()
    C.probe_pool_submit(1, long)
    C.probe_pool_await_jobs()
    local mean = wait.now() - since -- at most; about 1 ms where the machine has time
    since = wait.now()
    C.probe_pool_submit(gate, long)
    C.probe_pool_await_gate(1)
    wait.sleep(math.max(100, 20 * mean))
    for _ = 1, 20 do -- for the one job only: the 20 would be expected to take at least 20 times that
      assert.is_true(C.probe_pool_submit(1, 10 * (wait.now() - since)) >= 0)
    end
    C.probe_pool_open_gate()
    C.probe_pool_await_jobs()
    C.probe_pool_end()
  end)

  it("does not run a job that, taken when nothing was known, has waited too long", function()
    local first, second
    for _, patience in ipairs { 20, 200, 2000 } do -- the first must not be seen to hang for as long
      C.probe_pool_open(1, 100, 0)
      first = C.probe_pool_submit(gate, long)
      C.probe_pool_await_gate(1)
      second = C.probe_pool_submit(1, patience) -- nothing is known yet: no wait is expected
      if second >= 0 then
        wait.sleep(patience + 30)
        break
      end
      C.probe_pool_open_gate()
      C.probe_pool_await_jobs()
      C.probe_pool_end()
    end
    local third = C.probe_pool_submit(1, long)
    C.probe_pool_open_gate()
    C.probe_pool_await_jobs()
    assert.equal(ran + home, C.probe_pool_job(first))
    assert.equal(late + home, C.probe_pool_job(second))
    assert.equal(ran + home, C.probe_pool_job(third))
    C.probe_pool_end()
  end)

  it("where patience is for a job's end, counts the time of the job itself", function()
    C.probe_pool_open_to_end(100)
    local since = wait.now()
    C.probe_pool_submit(50, long)
    C.probe_pool_await_jobs()
    local mean = wait.now() - since -- at most; 50 at least
    assert.is_true(C.probe_pool_submit(gate, 1) >= 0) -- nobody is before it
    C.probe_pool_await_gate(1)
    assert.equal(-1, C.probe_pool_submit(gate, 90)) -- 50 for the one before, 50 of its own
    assert.is_true(C.probe_pool_submit(gate, 20 * mean + 10000) >= 0)
    C.probe_pool_open_gate()
    C.probe_pool_await_jobs()
    C.probe_pool_end()
  end)

  it("is done on its thread with a job that has no home", function()
    C.probe_pool_open(1, 10, 0)
    local first, second = C.probe_pool_submit_homeless(1), C.probe_pool_submit_homeless(1)
    C.probe_pool_await_done(first)
    C.probe_pool_await_done(second)
    assert.is_true(C.probe_pool_leave(10000 * wait.slack))
    assert.equal(0, C.probe_pool_end())
  end)

  it("can be left while a job does not end", function()
    C.probe_pool_open(2, 10, 0)
    local job = C.probe_pool_submit_homeless(gate)
    C.probe_pool_await_gate(1)
    assert.is_false(C.probe_pool_leave(20))
    C.probe_pool_open_gate() -- so that nothing of it is left behind the test
    C.probe_pool_await_done(job)
    C.probe_pool_await_desks(2)
    assert.equal(0, C.probe_pool_end())
  end)

  it("skips a job that was cancelled before it ran, and still says so once", function()
    C.probe_pool_open(1, 10, 0)
    local first = C.probe_pool_submit(gate, long)
    C.probe_pool_await_gate(1)
    local second, third = C.probe_pool_submit(gate, long), C.probe_pool_submit(gate, long)
    C.probe_pool_cancel(second)
    C.probe_pool_cancel(first) -- runs already: that is its own affair
    C.probe_pool_open_gate()
    C.probe_pool_await_jobs()
    assert.equal(ran + home, C.probe_pool_job(first))
    assert.equal(skipped + home, C.probe_pool_job(second))
    assert.equal(ran + home, C.probe_pool_job(third))
    C.probe_pool_end()
  end)

  it("opens a desk on each of its threads, named, nice, and with all signals blocked", function()
    C.probe_pool_open(3, 10, 7)
    assert.equal(0, C.probe_pool_end())
    for desk = 0, 2 do
      local nice, blocked = ffi.new "int[1]", ffi.new "bool[1]"
      assert.equal("mg-a-name-of-19", ffi.string(C.probe_pool_desk(desk, nice, blocked)))
      assert.equal(7, nice[0])
      assert.is_true(blocked[0])
    end
  end)
end)
