local core = require "support.core"
local C = core.cdef "base/siphash.h"
local bit = require "bit"
local ffi = require "ffi"

describe("mg_siphash", function()
  -- The key 00 01 .. 0f and the texts "", 00, 00 01, ...: vectors of the authors' reference.
  local secret = ffi.new("uint64_t[2]", { 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL })

  local function hash(len)
    local bytes = {}
    for i = 1, len do
      bytes[i] = string.char(i - 1)
    end
    return C.mg_siphash(secret, core.str(table.concat(bytes)))
  end

  it("is the SipHash-2-4 of its authors", function()
    assert.equal("726fdb47dd0e0e31", bit.tohex(hash(0)))
    assert.equal("74f839c593dc67fd", bit.tohex(hash(1)))
    assert.equal("93f5f5799a932462", bit.tohex(hash(8)))
    assert.equal("a129ca6149be45e5", bit.tohex(hash(15)))
  end)
end)
