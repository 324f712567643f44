-- Entity tags: how they are made of a file's version, and compared (RFC 9110 §8.8.3).
local core = require "support.core"
local ffi = require "ffi"
local C = core.cdef "http/tag.h"

local function write(version, now, nanoseconds)
  local text = ffi.new "char[24]"
  C.mg_tag_write(ffi.new("struct mg_version", version), now or 2000, nanoseconds or 0, text)
  return ffi.string(text)
end

local function has(list, tag, strong)
  return C.mg_tag_in(core.str(list), core.str(tag), strong or false)
end

describe("the tag of a file", function()
  local version = { seconds = 1000, nanoseconds = 7, size = 10, inode = 5 }

  it("is the same for the same version, and for no other", function()
    local seen = { [write(version)] = true }
    assert.equal(write(version), write(version, 9999))
    for field, value in pairs { seconds = 1001, nanoseconds = 8, size = 11, inode = 6 } do
      local other = { seconds = 1000, nanoseconds = 7, size = 10, inode = 5 }
      other[field] = value
      assert.is_nil(seen[write(other)], field)
      seen[write(other)] = true
    end
    for size = 0, 2000 do
      local tag = write { seconds = 1, nanoseconds = 0, size = size, inode = 1 }
      assert.matches('^"%x+"$', tag)
      assert.is_nil(seen[tag])
      seen[tag] = true
    end
    assert.not_equal(write { seconds = 1, nanoseconds = 2 }, write { seconds = 2, nanoseconds = 1 })
  end)

  it("is weak within a second of the last change, since another may not show", function()
    assert.matches('^W/"', write(version, 1000, 8))
    assert.matches('^W/"', write(version, 1001, 6))
    assert.matches('^"', write(version, 1001, 7))
    assert.matches('^"', write(version, 1002, 0))
    assert.matches('^W/"', write(version, 900))
    assert.equal(write(version), write(version, 1000):sub(3))
  end)
end)

describe("a list of tags", function()
  it("has a tag or has it not", function()
    for list, found in pairs {
      ['"a"'] = true, ['"b"'] = false, ['"b", "a"'] = true, ['"b","c","a"'] = true, [' "a" '] = true,
      [',, "a",,'] = true, ['*'] = true, [' * '] = true, ['""'] = false, ['"a'] = false, ['a'] = false,
      [''] = false, [','] = false, ['"b" "a"'] = false, ['"b"; "a"'] = false, ['"b,a"'] = false,
      ['"x, \\"a\\""'] = false, ['*, "a"'] = false, ['"A"'] = false, ['"b", *'] = false, ['"\1", "a"'] = false,
      ['w/"a"'] = false,
    } do
      assert.equal(found, has(list, '"a"'), list)
      assert.equal(found, has(list, '"a"', true), list)
    end
    assert.is_true(has('"b,c", "d"', '"b,c"'))
    assert.is_true(has('""', '""'))
    assert.is_true(has('"\195\169"', '"\195\169"'))
  end)

  it("makes no difference of W/ when it is compared weakly, and finds no weak one strongly", function()
    for _, pair in ipairs { { 'W/"a"', '"a"' }, { '"a"', 'W/"a"' }, { 'W/"a"', 'W/"a"' }, { '"x", W/"a"', '"a"' } } do
      assert.is_true(has(pair[1], pair[2]))
      assert.is_false(has(pair[1], pair[2], true))
    end
    assert.is_true(has("*", 'W/"a"', true))
  end)
end)
