-- What a supervisor and a server process tell each other, over a socket.
local core = require "support.core"
local ffi = require "ffi"

core.cdef "gateway/control.h"
ffi.cdef [[
int socketpair(int domain, int type, int protocol, int *pair);
int close(int fd);
]]
local C = core.C

describe("a control socket", function()
  local ends

  before_each(function()
    local pair = ffi.new "int[2]"
    assert(C.socketpair(1, bit.bor(5, 0x80000), 0, pair) == 0)
    ends = { ffi.new("struct mg_control", { pair[0] }), ffi.new("struct mg_control", { pair[1] }) }
  end)

  after_each(function()
    C.close(ends[1].fd)
    C.close(ends[2].fd)
  end)

  local message, fds = ffi.new "struct mg_control_message", ffi.new("int[?]", C.MG_CONTROL_FDS)

  it("carries words in their order, and says when there is none, or nobody", function()
    assert.is_true(C.mg_control_say(ends[1], C.MG_CONTROL_READY))
    C.mg_control_stuck(ends[1])
    for _, word in ipairs { C.MG_CONTROL_READY, C.MG_CONTROL_STUCK } do
      assert.is_true(C.mg_control_receive(ends[2], message, fds, false))
      assert.same({ word, 0 }, { tonumber(message.word), message.count })
    end
    assert.is_false(C.mg_control_receive(ends[2], message, fds, false))
    C.close(ends[1].fd)
    assert.is_false(C.mg_control_receive(ends[2], message, fds, true))
    assert.is_false(C.mg_control_say(ends[2], C.MG_CONTROL_BEAT))
    assert.is_false(C.mg_control_say(nil, C.MG_CONTROL_BEAT))
    ends[1].fd = -1
  end)

  it("never waits, however little is read at the other end", function()
    local told = 0
    while C.mg_control_say(ends[1], C.MG_CONTROL_BEAT) do
      told = told + 1
    end
    assert.is_true(told > 10)
  end)

  it("carries more sockets than one message can", function()
    local each, workers = 3, 100
    local many = ffi.new("int[?]", each * workers)
    for i = 0, each * workers - 1 do
      many[i] = ends[i % 2 + 1].fd
    end
    assert.is_true(C.mg_control_send_sockets(ends[1], many, each, workers, false))
    local have = 0
    while C.mg_control_receive(ends[2], message, fds, false) do
      assert.same({ C.MG_CONTROL_SOCKETS, each, workers, have },
        { tonumber(message.word), message.each, message.workers, message.first })
      have = have + message.count
      for i = 0, message.count - 1 do
        assert.equal(0, C.close(fds[i]))
      end
    end
    assert.equal(each * workers, have)
  end)
end)
