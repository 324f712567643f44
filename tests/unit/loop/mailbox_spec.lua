local ffi = require "ffi"

ffi.cdef [[
  unsigned probe_mailbox(unsigned senders, unsigned each, unsigned *disordered);
  unsigned probe_closed_mailbox(bool *refused);
  bool probe_unopened_mailbox(void);
]]
local C = ffi.C

describe("a mailbox", function()
  it("delivers all mail of four threads, each sender's in order", function()
    local disordered = ffi.new "unsigned[1]"
    assert.equal(40000, C.probe_mailbox(4, 10000, disordered))
    assert.equal(0, disordered[0])
  end)

  it("delivers what waits when it is closed and refuses what comes after", function()
    local refused = ffi.new "bool[1]"
    assert.equal(2, C.probe_closed_mailbox(refused))
    assert.is_true(refused[0])
  end)

  it("that was never opened refuses mail", function()
    assert.is_true(C.probe_unopened_mailbox())
  end)
end)
