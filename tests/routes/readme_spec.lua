-- What the README shows can be loaded, and its figures are those of `moongate check`.
local gateway = require "support.gateway"
local places = require "support.places"
local slurp = require "support.slurp"

local readme = slurp(places.checkout .. "/README.md")

-- A gateway.lua that declares the backends which a route file names.
local function declared_in(routes)
  local config = { services = {}, databases = {}, files = {} }
  for name in routes:gmatch 'gate%.service "(%w+)"' do
    config.services[name] = "http://127.0.0.1:9001"
  end
  for name in routes:gmatch 'gate%.database "(%w+)"' do
    config.databases[name] = "sqlite:" .. name .. ".db"
  end
  for name in routes:gmatch 'gate%.redis "(%w+)"' do
    config.redis = { [name] = "redis://127.0.0.1:6379/0" }
  end
  for name in routes:gmatch 'gate%.files "(%w+)"' do
    config.files[name] = "./" .. name
  end
  return config
end

describe("the README", function()
  after_each(gateway.clean)

  it("shows routes that can be loaded", function()
    local count = 0
    for block in readme:gmatch "```lua\n(.-)```" do
      local files = { ["routes.lua"] = block, ["gateway.lua"] = declared_in(block) }
      if block:find "^return" then
        files = { ["gateway.lua"] = block }
      end
      local code, text = gateway.check(files)
      assert.equal(0, code, text)
      count = count + 1
    end
    assert.is_true(count >= 2)
  end)

  it("names limits as `moongate check` prints them", function()
    local _, printed = gateway.check { ["gateway.lua"] = {} }
    local said, count = readme:match "\n## Limits\n(.-)\n## ", 0
    for name, value in said:gmatch "`([%l_]+)` (%d%w*)" do
      assert.equal(value, printed:match("\n  " .. name .. " +(%S+)"), name)
      count = count + 1
    end
    assert.is_true(count >= 10)
  end)

  it("names every folder of core/, with what CMakeLists.txt links to it", function()
    local build = slurp(places.checkout .. "/CMakeLists.txt")
    for layer in build:gmatch "\nmg_layer%((%l+)" do
      assert.is_truthy(readme:find("\n| [^|]*`" .. layer .. "/`"), layer)
    end
  end)

  it("names every command, and no other", function()
    local _, out = gateway.run "help"
    local section = readme:match "\n## Command line\n(.-)\n## "
    for command, rest in out:gmatch "\n  moongate (%l+)([^\n]*)" do
      local shown = section:find("moongate " .. command, 1, true) or section:find("| " .. command, 1, true)
      assert.equal(not rest:find("(not yet)", 1, true), shown ~= nil, command)
    end
  end)
end)
