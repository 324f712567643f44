-- The lines of a file around one of them.
local core = require "support.core"
local C = core.cdef "gateway/excerpt.h"

local function excerpt(text, line)
  local str = core.str(text)
  local found, lines = C.mg_excerpt_of(str, line), {}
  for i = 0, found.count - 1 do
    lines[i + 1] = core.text(found.lines[i])
  end
  return lines, found.first
end

local function numbered(count)
  local lines = {}
  for i = 1, count do
    lines[i] = "line " .. i
  end
  return table.concat(lines, "\n")
end

describe("an excerpt", function()
  it("has four lines on either side, as far as there are any", function()
    local lines, first = excerpt(numbered(20), 10)
    assert.same({ 6, 9, "line 6", "line 14" }, { first, #lines, lines[1], lines[9] })
    lines, first = excerpt(numbered(20), 2)
    assert.same({ 1, 6, "line 1", "line 6" }, { first, #lines, lines[1], lines[6] })
    lines, first = excerpt(numbered(20) .. "\n", 20)
    assert.same({ 16, 5, "line 16", "line 20" }, { first, #lines, lines[1], lines[5] })
    assert.same({ "one" }, (excerpt("one", 1)))
    assert.same({ "", "", "x" }, (excerpt("\n\nx\n", 2)))
  end)

  it("is empty where there is no such line", function()
    assert.same({}, (excerpt("", 1)))
    assert.same({}, (excerpt("one\n", 2)))
    assert.same({}, (excerpt("one\n", 0)))
    assert.same({}, (excerpt(numbered(3), 1000000)))
  end)

  it("has no ends of lines", function()
    assert.same({ "a", "b" }, (excerpt("a\r\nb\r\n", 1)))
  end)

  it("shows a very long line cut between characters", function()
    local function cut(line)
      local str = core.str(line)
      return core.text(C.mg_excerpt_cut(str))
    end
    assert.equal(("x"):rep(399), cut(("x"):rep(399) .. "\195\164" .. ("y"):rep(100)))
    assert.equal(400, #cut(("\128"):rep(1000)) + 4)
    assert.equal("short", cut "short")
  end)
end)
