local support = require "lua.support"

describe("units", function()
  local units

  before_each(function()
    support.fresh()
    units = require "moongate.units"
  end)

  it("read durations as ms", function()
    for text, ms in pairs { ["200ms"] = 200, ["1.5s"] = 1500, ["2m"] = 120000, ["1h"] = 3600000,
                            ["0s"] = 0 } do
      assert.equal(ms, units.duration(text), text)
    end
  end)

  it("read sizes as bytes", function()
    for text, bytes in pairs { ["512B"] = 512, ["16KiB"] = 16384, ["1MiB"] = 1048576,
                               ["1.5KiB"] = 1536, ["1GiB"] = 1073741824 } do
      assert.equal(bytes, units.size(text), text)
    end
  end)

  it("refuse bare numbers and say what to write", function()
    assert.same({ nil, 'a bare number is no duration: write "200ms"' }, { units.duration(200) })
    assert.same({ nil, 'a bare number is no size: write "1024B"' }, { units.size(1024) })
  end)

  it("refuse what is neither", function()
    for _, text in ipairs { "", "200", "ms", "-1s", "1 s", "1S", "1d", "1e3ms", ".5s", "1,5s", "0x1s" } do
      assert.is_nil((units.duration(text)), text)
    end
    for _, text in ipairs { "1MB", "1K", "1kib", "16 KiB", "0.3B" } do
      assert.is_nil((units.size(text)), text)
    end
    assert.is_nil((units.duration "1.5ms"))
    assert.is_nil((units.duration(("9"):rep(30) .. "h")))
    assert.is_nil((units.duration(true)))
  end)

  it("write both as a person would", function()
    assert.same({ "200ms", "10s", "90s", "2m", "1h", "0ms" }, {
      units.write_duration(200), units.write_duration(10000), units.write_duration(90000),
      units.write_duration(120000), units.write_duration(3600000), units.write_duration(0),
    })
    assert.same({ "500B", "16KiB", "1MiB", "1025B" }, {
      units.write_size(500), units.write_size(16384), units.write_size(1048576), units.write_size(1025),
    })
  end)
end)
