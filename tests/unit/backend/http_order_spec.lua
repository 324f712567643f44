local core = require "support.core"
local ffi = require "ffi"
local C = core.cdef "backend/http_order.h"

describe("what goes along to another origin", function()
  it("is only what cannot be a credential", function()
    local arena = core.arena()
    local ask = ffi.new "struct mg_http_ask"
    local kept = {}
    local function add(name, value)
      kept[#kept + 1] = { core.str(name), core.str(value) }
      assert(C.mg_headers_add(ask.headers, arena, kept[#kept][1], kept[#kept][2]))
    end
    for _, name in ipairs {
      "Authorization", "Cookie", "X-Api-Key", "Host", "Content-Type", "Proxy-Authorization",
    } do
      add(name, "secret")
    end
    add("Accept", "text/plain")
    add("User-Agent", "Moongate/1")
    ask.has_body = true
    local function names(has_body, foreign)
      local order = ffi.new("struct mg_http_order", { has_body = has_body })
      assert.equal(C.MG_OK, tonumber(C.mg_http_order_fields(order, ask, foreign, arena, nil)))
      local list = {}
      for i = 0, order.header_count - 1 do
        list[#list + 1] = core.text(order.headers[i].name)
      end
      return list
    end
    assert.same({ "Accept", "User-Agent" }, names(false, true))
    assert.same({ "Content-Type", "Accept", "User-Agent" }, names(true, true))
    assert.same({ "Authorization", "Cookie", "X-Api-Key", "Host", "Content-Type", "Accept", "User-Agent" },
      names(true, false))
  end)
end)
