-- `moongate check` on every gateway of tests/routes/broken: exit code 1, and each line of the
-- folder's `expected` ("file:line: text") is said about that file and line, and nothing else is.
local gateway = require "support.gateway"
local lfs = require "lfs"
local places = require "support.places"

local corpus = places.checkout .. "/tests/routes/broken"

local function lines_of(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do
    list[#list + 1] = line
  end
  return list
end

local function expected_of(name)
  local file = assert(io.open(corpus .. "/" .. name .. "/expected", "rb"))
  local list = lines_of(file:read "*a")
  file:close()
  return list
end

local function broken()
  local names = {}
  for name in lfs.dir(corpus) do
    if name:find "^%d" then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

-- Takes out of `said` the first line that is what `wanted` says: its place, and its text somewhere.
local function take(said, wanted)
  local place, text = wanted:match "^(%S+:%d+: )(.*)$"
  for i, line in ipairs(said) do
    if line:sub(1, #place) == place and line:find(text, #place, true) then
      return table.remove(said, i)
    end
  end
  return nil
end

describe("moongate check", function()
  after_each(gateway.clean)

  local names = broken()
  for _, name in ipairs(names) do
    it("names file, line and mistake: " .. name, function()
      local code, out, err = gateway.run("check", corpus .. "/" .. name)
      local said = lines_of(err)
      for _, wanted in ipairs(expected_of(name)) do
        assert.is_truthy(take(said, wanted), wanted .. "\nis not in\n" .. err)
      end
      assert.same({ 1, "", {} }, { code, out, said })
    end)
  end

  it("is put to the test by at least thirty broken gateways", function()
    assert.is_true(#names >= 30)
  end)

  for _, name in ipairs { "01-unknown-key", "25-mistakes-everywhere", "75-cycle" } do
    it("says the same to programs with --json: " .. name, function()
      local code, out, err = gateway.run("check", corpus .. "/" .. name, "--json")
      local said = {}
      for _, fault in ipairs(require("dkjson").decode(out)) do
        said[#said + 1] = ("%s:%d: %s"):format(fault.file, fault.line, fault.message)
      end
      for _, wanted in ipairs(expected_of(name)) do
        assert.is_truthy(take(said, wanted), wanted .. "\nis not in\n" .. out)
      end
      assert.same({ 1, "", {} }, { code, err, said })
    end)
  end

  it("finds nothing wrong with a gateway that is right, and says what its limits are", function()
    local code, text = gateway.check {
      ["gateway.lua"] = { limits = { body = "4MiB" } },
      ["hello.lua"] = [[require("moongate").get("/", { reply = { hello = "world" } })]],
    }
    assert.equal(0, code)
    assert.is_truthy(text:find("1 routes, 0 backends: all is well", 1, true))
    assert.is_truthy(text:find("body%s+4MiB%s*%*"))
  end)

  it("says an empty list with --json when nothing is wrong", function()
    local folder = gateway.folder { ["a.lua"] = [[require("moongate").get("/", { reply = {} })]] }
    assert.same({ 0, "[]\n", "" }, { gateway.run("check", folder, "--json") })
  end)

  it("does not run what it loads", function()
    local code = gateway.check {
      ["a.lua"] = [[require("moongate").get("/", function() error "ran" end)]],
    }
    assert.equal(0, code)
  end)

  it("says that a folder without gateway.lua is none, with exit code 1", function()
    local folder = gateway.folder {}
    os.remove(folder .. "/gateway.lua")
    local code, _, err = gateway.run("check", folder)
    assert.equal(1, code)
    assert.is_truthy(err:find("gateway.lua", 1, true), err)
  end)

  it("has exit code 2 when the command line is wrong", function()
    assert.equal(2, (gateway.run "check"))
    assert.equal(2, (gateway.run("check", "a", "b")))
    assert.equal(2, (gateway.run("check", "--jason", "a")))
  end)
end)
