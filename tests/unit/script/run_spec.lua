-- Runs: what one leaves behind in the Lua state it ran in, however it ended.
local ffi = require "ffi"
local core = require "support.core"

core.cdef "base/str.h"
ffi.cdef [[
  const char *probe_run_open(const char *routes);
  int probe_run_begin(unsigned i, int function_);
  int probe_run_resume(unsigned i);
  struct mg_str probe_run_said(unsigned i);
  void probe_run_end(unsigned i);
  void probe_run_look(unsigned *references, unsigned *threads, unsigned *bytes);
  void probe_run_close(void);
]]
local C = ffi.C
local WAITS, DONE, FAILED = 0, 1, 2
local RETURNS, RAISES, SLEEPS, MANY, FUTURE, PROBLEM, DEEP = 1, 2, 3, 4, 5, 6, 7

local ROUTES = [[
  local gate = require "moongate"
  gate.get("/returns", function() return { gate.value(1):wait().body } end)
  gate.get("/raises", function() local a = gate.value(1):wait() error(a) end)
  gate.get("/sleeps", function() gate.sleep "1s" return "slept" end)
  gate.get("/many", function() while true do pcall(function() gate.value(1):wait() end) end end)
  gate.get("/future", function() local f = gate.value { x = 1 }:start() return f:wait("5ms") and "landed" or "not yet" end)
  gate.get("/problem", function() gate.fail(404, "x") end)
  gate.get("/deep", function() local function f() return 1 + f() end return f() end)
]]

describe("a run", function()
  before_each(function()
    local fault = C.probe_run_open(ROUTES)
    assert(fault == nil, fault ~= nil and ffi.string(fault))
  end)

  after_each(function()
    C.probe_run_close()
  end)

  local function look()
    local found = ffi.new "unsigned[3]"
    C.probe_run_look(found, found + 1, found + 2)
    return found[0], found[1], found[2]
  end

  local function said(i)
    return core.text(C.probe_run_said(i))
  end

  it("waits, is resumed and replies", function()
    assert.equal(WAITS, C.probe_run_begin(0, RETURNS))
    assert.equal(DONE, C.probe_run_resume(0))
    assert.equal("[1]", said(0))
  end)

  it("that waits for a time gets what landed, or nothing", function()
    assert.equal(WAITS, C.probe_run_begin(0, FUTURE))
    assert.equal(DONE, C.probe_run_resume(0))
    assert.equal("landed", said(0))
  end)

  it("that makes more calls than it may has failed, in whatever pcall it is", function()
    local state = C.probe_run_begin(0, MANY)
    for _ = 1, 7 do
      assert.equal(WAITS, state)
      state = C.probe_run_resume(0)
    end
    assert.equal(WAITS, state)
    assert.equal(FAILED, C.probe_run_resume(0))
    assert.equal("the request makes more calls than it may (limits.calls)", said(0))
  end)

  it("leaves nothing in its state, and its coroutine to the next one", function()
    local function once(kind)
      local state = C.probe_run_begin(0, kind)
      while state == WAITS do
        state = C.probe_run_resume(0)
      end
      C.probe_run_end(0)
    end
    for _, kind in ipairs { RETURNS, RAISES, SLEEPS, FUTURE, PROBLEM, DEEP, MANY } do
      for _ = 1, 100 do
        once(kind)
      end
      local references, threads, bytes = look()
      for _ = 1, 1000 do
        once(kind)
      end
      local references_then, threads_then, bytes_then = look()
      assert.equal(references, references_then)
      assert.equal(threads, threads_then)
      assert(threads == (kind == MANY and 0 or 1), kind)
      assert(bytes_then < bytes + 4096, ("kind %d: %d bytes became %d"):format(kind, bytes, bytes_then))
    end
  end)

  it("that is dropped while it waits leaves nothing either", function()
    local function crowd(count)
      for i = 0, count - 1 do
        assert.equal(WAITS, C.probe_run_begin(i, SLEEPS))
      end
      for i = 0, count - 1 do
        C.probe_run_end(i)
      end
    end
    crowd(400)
    local references, threads, bytes = look()
    for _ = 1, 10 do
      crowd(400)
    end
    local references_then, threads_then, bytes_then = look()
    assert.same({ references, 0, 0 }, { references_then, threads, threads_then })
    assert(bytes_then < bytes + 4096, ("%d bytes became %d"):format(bytes, bytes_then))
  end)

  it("keeps no more coroutines for others than there should be", function()
    for i = 0, 399 do
      C.probe_run_begin(i, SLEEPS)
    end
    for i = 0, 399 do
      assert.equal(DONE, C.probe_run_resume(i))
      assert.equal("slept", said(i))
      C.probe_run_end(i)
    end
    local _, threads = look()
    assert.equal(256, threads)
  end)
end)
