-- What an Accept field says of one media type.
local core = require "support.core"
local C = core.cdef "http/accept.h"

local function weight(accept, type)
  return C.mg_accept_weight(core.str(accept), core.str(type or "text/html"))
end

describe("an Accept field", function()
  it("gives a type that it names its weight", function()
    for accept, expected in pairs {
      ["text/html"] = 1000, ["TEXT/Html"] = 1000, ["text/html;q=0.5"] = 500, ["text/html; q=0.125"] = 125,
      ["text/html;level=1;q=0.3"] = 300, ["text/html ; Q=1.000"] = 1000, ["text/html;q=0"] = 0,
      ["a/b, text/html;q=0.9 ,c/d"] = 900, [",,text/html"] = 1000, ["text/html;q=0.2, text/html;q=0.4"] = 400,
      ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"] = 1000,
      ["text/html;q=1.9"] = 1000, ["text/html;q=x"] = 1000, ["text/html;q="] = 1000, ["text/html;q=0.5x"] = 1000,
    } do
      assert.equal(expected, weight(accept), accept)
    end
    assert.equal(900, weight("text/html, application/json;q=0.9", "application/json"))
  end)

  it("says nothing of a type that it does not name", function()
    for _, accept in ipairs { "", "*/*", "text/*", "text/htm", "text/html2", "xtext/html", "text/html/x",
      "application/json", ";", ",", "text", ("a/b,"):rep(1000) } do
      assert.equal(-1, weight(accept), accept)
    end
  end)
end)
