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

describe("where a call goes", function()
  it("is the service's URL with the path of the call behind its own", function()
    local function joined(url, path)
      local arena, why = core.arena(), ffi.new "const char *[1]"
      local base, site, text = ffi.new "struct mg_url", ffi.new "struct mg_url", core.str(url)
      assert(C.mg_url_parse(text, base) == nil)
      local error = tonumber(C.mg_http_order_site(site, base, core.str(path), arena, why))
      return error == C.MG_OK and core.text(site.base) .. core.text(site.path) or ffi.string(why[0])
    end
    assert.equal("http://a.test/x?y=1", joined("http://a.test", "/x?y=1"))
    assert.equal("http://a.test/", joined("http://a.test", ""))
    assert.equal("http://a.test/?y", joined("http://a.test", "?y"))
    assert.equal("http://a.test/v1/x", joined("http://a.test/v1", "/x"))
    assert.equal("http://a.test/v1", joined("http://a.test/v1", ""))
    assert.equal("http://a.test/v1?y", joined("http://a.test/v1", "?y"))
    assert.equal("the call's path does not start with / or ?", joined("http://a.test", "x"))
    for _, path in ipairs { "/a b", "/a\r\nb", "/a#b", "/\255", "/\127" } do
      assert.equal("the call's path has a byte that cannot be there", joined("http://a.test", path))
    end
  end)
end)
