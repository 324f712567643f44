-- `moongate new`: the gateway it makes runs as it stands, and it touches nothing that is there.
local dkjson = require "dkjson"
local gateway = require "support.gateway"
local lfs = require "lfs"
local places = require "support.places"
local posix = require "support.posix"

local function slurp(path)
  local file = assert(io.open(path, "rb"), path)
  local text = file:read "*a"
  file:close()
  return text
end

-- The files below a folder, by their paths.
local function files_in(folder, below, found)
  found = found or {}
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    if lfs.attributes(path, "mode") == "directory" and not name:find "^%.%.?$" then
      files_in(path, (below or "") .. name .. "/", found)
    elseif lfs.attributes(path, "mode") == "file" then
      found[(below or "") .. name] = slurp(path)
    end
  end
  return found
end

-- The settings of lua-language-server that can be written in .luarc.json, as its documentation has
-- them, as far as they are used.
local SETTINGS = {
  runtime = { version = "string", builtin = "table" },
  workspace = { library = "table", checkThirdParty = "boolean" },
}
local BUILTINS = { coroutine = true, debug = true, ffi = true, io = true, jit = true }

describe("moongate new", function()
  local scratch

  before_each(function()
    scratch = posix.folder()
  end)

  after_each(function()
    gateway.clean()
    os.execute(("chmod -R u+w '%s'; rm -rf '%s'"):format(scratch, scratch))
  end)

  it("makes a gateway that is right and answers", function()
    local dir = scratch .. "/shop"
    local code, out, err = gateway.run("new", dir)
    assert.same({ 0, "" }, { code, err })
    assert.is_truthy(out:find("\n  moongate serve " .. dir .. " ", 1, true), out)
    local checked, text = gateway.run("check", dir)
    assert.equal(0, checked, text)
    local g = gateway.start(dir)
    local reply = g:get "/hello/Ada"
    assert.same({ 200, { sky = "clear", text = "Hello, Ada!" } }, { reply.status, reply:json() })
    assert.equal("/hello/world", g:get("/").headers.location)
  end)

  it("makes a spec that passes, and fails when the route is another", function()
    local dir = scratch .. "/shop"
    gateway.run("new", dir)
    local code, out, err = gateway.run("test", dir)
    assert.equal(0, code, out .. err)
    local route = slurp(dir .. "/hello.lua")
    gateway.folder({ ["hello.lua"] = route:gsub("{greeting.body.text}, ", "") }, dir)
    assert.equal(1, (gateway.run("test", dir)))
  end)

  it("names the files that it has made, and has the definitions for editors among them", function()
    local dir = scratch .. "/shop"
    local _, out = gateway.run("new", dir)
    local made = files_in(dir)
    for _, name in ipairs { "gateway.lua", "hello.lua", "spec/hello_spec.lua", ".luarc.json" } do
      assert.is_truthy(made[name], name)
      assert.is_truthy(out:find("\n  " .. name .. "[ ,]"), name)
    end
    for name, text in pairs(files_in(places.checkout .. "/lua/types")) do
      assert.equal(text, made[".types/" .. name])
    end
    assert.is_truthy(made[".types/moongate.lua"])
  end)

  it("writes settings that lua-language-server has", function()
    gateway.run("new", scratch .. "/shop")
    local settings = assert(dkjson.decode(slurp(scratch .. "/shop/.luarc.json")))
    for section, values in pairs(settings) do
      for name, value in pairs(values) do
        assert.equal(SETTINGS[section] and SETTINGS[section][name], type(value), section .. "." .. name)
      end
    end
    assert.equal("LuaJIT", settings.runtime.version)
    for name, state in pairs(settings.runtime.builtin) do
      assert.same({ true, "disable" }, { BUILTINS[name], state }, name)
    end
    for _, folder in ipairs(settings.workspace.library) do
      local its_own = folder:find "^%${3rd}/%l+/library$" -- busted comes with the server
      assert.is_truthy(its_own or lfs.attributes(scratch .. "/shop/" .. folder, "mode") == "directory", folder)
    end
  end)

  it("takes a folder that is empty, and a name that a shell would take apart", function()
    local dir = scratch .. "/it's a shop"
    lfs.mkdir(dir)
    local code, out = gateway.run("new", dir)
    assert.equal(0, code)
    assert.is_truthy(out:find("moongate serve '" .. scratch .. "/it'\\''s a shop' ", 1, true), out)
    assert.equal(0, (gateway.run("check", dir)))
  end)

  it("refuses a folder that is not empty, and leaves it as it is", function()
    for _, name in ipairs { "gateway.lua", ".hidden" } do
      local dir = gateway.folder { ["gateway.lua"] = "return {}", [name] = "kept" }
      local before = files_in(dir)
      local code, out, err = gateway.run("new", dir)
      assert.same({ 1, "" }, { code, out })
      assert.equal(("moongate: %s: it is not empty: name a folder that is, or one that is not there yet\n")
        :format(dir), err)
      assert.same(before, files_in(dir))
    end
  end)

  it("says why a folder cannot be made", function()
    local file = scratch .. "/file"
    io.open(file, "w"):close()
    local function said(dir)
      local code, out, err = gateway.run("new", dir)
      assert.same({ 1, "" }, { code, out })
      return err
    end
    assert.equal(("moongate: %s: it is a file\n"):format(file), said(file))
    assert.equal(("moongate: %s/a/b: No such file or directory\n"):format(scratch), said(scratch .. "/a/b"))
  end)

  it("says what is wrong with the command line", function()
    for said, arguments in pairs {
      ['where? a folder that is not there yet is wanted'] = {},
      ['one folder at a time: "b" is one too many'] = { "a", "b" },
      ['no option "--force"'] = { "--force", "a" },
    } do
      local code, out, err = gateway.run("new", unpack(arguments))
      assert.same({ 2, "", "moongate: " .. said .. "\nusage: moongate new DIR\n" }, { code, out, err })
    end
  end)
end)
