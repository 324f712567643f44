-- What tests/THREATS.md and the programme of tests/hardening name is there.
local lfs = require "lfs"
local places = require "support.places"

local function exists(path)
  return lfs.attributes(places.checkout .. "/" .. path) ~= nil
end

describe("the tests that hold a promise", function()
  it("are there", function()
    local count = 0
    for line in io.lines(places.checkout .. "/tests/THREATS.md") do
      for folder, name in line:gmatch "`(%l+)/([%l%d_/]+)`" do
        local path = (folder == "tests" and "tests/" or "tests/" .. folder .. "/") .. name
        assert.is_true(exists(path) or exists(path .. ".c") or exists(path .. "_spec.lua"), path)
        count = count + 1
      end
    end
    assert.is_true(count > 30)
  end)

  it("are those of a programme of forty rows, each with its specs, or what is missing", function()
    local programme = require "support.programme"
    for i, row in ipairs(programme) do
      assert.equal(i, row[1])
      assert.truthy(row[3] or row.slow or row.missing, "row " .. i)
      for _, spec in ipairs(row[3] or {}) do
        assert.is_true(exists(spec), spec)
      end
    end
    assert.equal(40, #programme)
  end)
end)
