-- The conditions of a request in their order (RFC 9110 §13.2.2), and the range that is left.
local core = require "support.core"
local ffi = require "ffi"
local C = core.cdef "http/selection.h"

local NOW = 1700000000
local CHANGED = 784111777
local SAME, BEFORE, AFTER = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:36 GMT",
  "Sun, 06 Nov 1994 08:49:38 GMT"

-- The status for these fields, and the part as "from+length".
local function select(fields, thing)
  thing = thing or {}
  local conditions, kept = ffi.new "struct mg_conditions", {}
  conditions.method = "MG_" .. (fields.method or "GET")
  for name, value in pairs(fields) do
    if name ~= "method" then
      kept[name] = core.str(value)
      conditions[name] = kept[name]
    end
  end
  local tag = core.str(thing.tag or '"a"')
  local it = ffi.new("struct mg_selectable", tag, thing.changed or CHANGED, thing.size or 1000)
  local selected = C.mg_select(conditions, it, thing.now or NOW)
  local part = ("%d+%d"):format(tonumber(selected.part.from), tonumber(selected.part.length))
  return ("%d %s"):format(selected.status, part)
end

local function gives(want, fields, thing)
  local shown = {}
  for name, value in pairs(fields) do
    shown[#shown + 1] = name .. ": " .. value
  end
  assert.equal(want, select(fields, thing), table.concat(shown, "\n"))
end

local WHOLE, PART, KNOWN, FAILED, BEYOND = "200 0+1000", "206 1+2", "304 0+0", "412 0+0", "416 0+0"

describe("a request", function()
  it("without conditions gets all", function()
    gives(WHOLE, {})
    gives(WHOLE, { method = "HEAD" })
    gives(WHOLE, { method = "POST" })
    gives("200 0+0", {}, { size = 0 })
  end)

  it("that knows the version gets 304", function()
    gives(KNOWN, { if_none_match = '"a"' })
    gives(KNOWN, { if_none_match = '"b", W/"a"' })
    gives(KNOWN, { if_none_match = "*" })
    gives(KNOWN, { if_none_match = '"a"' }, { tag = 'W/"a"' })
    gives(KNOWN, { if_none_match = '"a"', method = "HEAD" })
    gives(WHOLE, { if_none_match = '"b"' })
    gives(FAILED, { if_none_match = '"a"', method = "PUT" })
    gives(KNOWN, { if_modified_since = SAME })
    gives(KNOWN, { if_modified_since = AFTER })
    gives(WHOLE, { if_modified_since = BEFORE })
    gives(WHOLE, { if_modified_since = "yesterday" })
    gives(WHOLE, { if_modified_since = SAME, method = "PUT" })
  end)

  it("for another version gets 412", function()
    gives(WHOLE, { if_match = '"a"' })
    gives(WHOLE, { if_match = "*" })
    gives(FAILED, { if_match = '"b"' })
    gives(FAILED, { if_match = 'W/"a"' })
    gives(FAILED, { if_match = '"a"' }, { tag = 'W/"a"' })
    gives(FAILED, { if_match = "" })
    gives(WHOLE, { if_unmodified_since = SAME })
    gives(WHOLE, { if_unmodified_since = AFTER })
    gives(FAILED, { if_unmodified_since = BEFORE })
    gives(WHOLE, { if_unmodified_since = "yesterday" })
  end)

  it("has its tags believed more than its dates", function()
    gives(WHOLE, { if_none_match = '"b"', if_modified_since = AFTER })
    gives(KNOWN, { if_none_match = '"a"', if_modified_since = BEFORE })
    gives(WHOLE, { if_match = '"a"', if_unmodified_since = BEFORE })
    gives(FAILED, { if_match = '"b"', if_unmodified_since = AFTER })
  end)

  it("has what it excludes looked at before what it knows, and both before its range", function()
    gives(FAILED, { if_match = '"b"', if_none_match = '"a"' })
    gives(KNOWN, { if_match = '"a"', if_none_match = '"a"' })
    gives(KNOWN, { if_none_match = '"a"', range = "bytes=1-2" })
    gives(FAILED, { if_unmodified_since = BEFORE, range = "bytes=5000-" })
    gives(KNOWN, { if_modified_since = SAME, range = "bytes=5000-" })
  end)

  it("for a range gets it, by GET alone", function()
    gives(PART, { range = "bytes=1-2" })
    gives(BEYOND, { range = "bytes=1000-" })
    gives(WHOLE, { range = "bytes=1-2,4-5" })
    gives(WHOLE, { range = "bytes=1-2", method = "HEAD" })
    gives(WHOLE, { range = "bytes=5000-", method = "HEAD" })
    gives(WHOLE, { range = "bytes=1-2", method = "POST" })
  end)

  it("for a range of a version gets it of this one only", function()
    gives(PART, { range = "bytes=1-2", if_range = '"a"' })
    gives(WHOLE, { range = "bytes=1-2", if_range = '"b"' })
    gives(WHOLE, { range = "bytes=1-2", if_range = 'W/"a"' })
    gives(WHOLE, { range = "bytes=1-2", if_range = 'W/"a"' }, { tag = 'W/"a"' })
    gives(WHOLE, { range = "bytes=1-2", if_range = '"a"' }, { tag = 'W/"a"' })
    gives(WHOLE, { range = "bytes=1-2", if_range = "*" })
    gives(WHOLE, { range = "bytes=1-2", if_range = '"b", "a"' })
    gives(WHOLE, { range = "bytes=1-2", if_range = "a" })
    gives(PART, { range = "bytes=1-2", if_range = SAME })
    gives(WHOLE, { range = "bytes=1-2", if_range = AFTER })
    gives(WHOLE, { range = "bytes=1-2", if_range = BEFORE })
    gives(WHOLE, { range = "bytes=1-2", if_range = SAME }, { now = CHANGED + 1 })
    gives(WHOLE, { range = "bytes=5000-", if_range = '"b"' })
    gives(BEYOND, { range = "bytes=5000-", if_range = '"a"' })
    gives(WHOLE, { if_range = '"a"' })
  end)
end)
