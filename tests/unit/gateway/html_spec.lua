-- Text into HTML.
local core = require "support.core"
local C = core.cdef "gateway/html.h"

local unknown = "\239\191\189"

local function html(text)
  local page = core.buf()
  C.mg_html_put(page, core.str(text))
  return core.text(page)
end

describe("text in a page", function()
  it("can neither end an attribute nor begin an element", function()
    assert.equal("&lt;script&gt;alert(&quot;1&quot;, &#39;2&#39;)&amp;amp;&lt;/script&gt;",
      html [[<script>alert("1", '2')&amp;</script>]])
    for byte = 0, 127 do
      local char = string.char(byte)
      assert.is_nil(html(char):find "[<>\"']", byte)
    end
  end)

  it("stays as it is otherwise", function()
    assert.equal("plain\ttext\nof 2 lines, \195\164\226\130\172\240\159\140\153",
      html "plain\ttext\nof 2 lines, \195\164\226\130\172\240\159\140\153")
    assert.equal("", html "")
  end)

  it("loses what no page may hold", function()
    assert.equal("a" .. unknown .. "b" .. unknown .. unknown, html "a\0b\27\127")
    assert.equal(unknown .. "x" .. unknown .. unknown, html "\255x\192\175")
    assert.equal(unknown .. "&lt;", html "\195<") -- a broken character does not take the next with it
    assert.equal("a" .. unknown .. "b" .. unknown, html "a\226\128\174b\226\129\166") -- U+202E, U+2066
    assert.equal("\226\128\169\226\128\175", html "\226\128\169\226\128\175") -- their neighbours
  end)

  it("stands between what belongs to the page", function()
    local page = core.buf()
    C.mg_html_put_in(page, '<b title="', core.str '"', '">')
    assert.equal('<b title="&quot;">', core.text(page))
  end)
end)
