-- The broken gateways of tests/routes/broken, loaded as far as Lua goes. `expected` names what
-- `moongate check` says: "file:line: text that appears". Where only the compiled plan shows the
-- mistake (`needs-core`), loading itself must find nothing.
local lfs = require "lfs"
local support = require "lua.support"

local corpus = support.here .. "/tests/routes/broken"

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "*a"
  if file then
    file:close()
  end
  return text
end

-- All .lua files below a folder: relative name -> text.
local function sources(folder, prefix, found)
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    if name:find("^[^.].*%.lua$") then
      found[prefix .. name] = read(path)
    elseif not name:find("^%.") and lfs.attributes(path, "mode") == "directory" then
      sources(path, prefix .. name .. "/", found)
    end
  end
  return found
end

local function load(folder)
  local boot, core = support.fresh()
  core.sources = sources(folder, "", core.sources)
  local routes = {}
  for _, name in ipairs(core.names()) do
    if name ~= "gateway.lua" and not name:find("^lib/") then
      routes[#routes + 1] = { name = name, text = core.sources[name] }
    end
  end
  local _, wrong = boot.config(core.sources["gateway.lua"], "gateway.lua", os.getenv)
  local printed = support.printed(wrong)
  _, wrong = boot.routes(routes)
  for _, line in ipairs(support.printed(wrong)) do
    printed[#printed + 1] = line
  end
  return printed
end

local function says(printed, expected)
  local place, text = expected:match("^(%S+:%d+:) (.*)$")
  for _, line in ipairs(printed) do
    if line:sub(1, #place) == place and line:find(text, #place, true) then
      return true
    end
  end
  return false
end

local function lines_of(text)
  local list = {}
  for line in text:gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

describe("a broken gateway", function()
  after_each(support.restore)

  local count = 0
  for name in lfs.dir(corpus) do
    local folder = corpus .. "/" .. name
    if name:find("^%d") then
      count = count + 1
      local expected = lines_of(read(folder .. "/expected"))
      if read(folder .. "/needs-core") then
        it("is fine as far as Lua goes: " .. name, function()
          assert.same({}, load(folder))
        end)
      else
        it("is told what is wrong, and nothing else: " .. name, function()
          local printed = load(folder)
          for _, line in ipairs(expected) do
            assert.is_true(says(printed, line), line .. "\nnot in\n" .. table.concat(printed, "\n"))
          end
          assert.equal(#expected, #printed, table.concat(printed, "\n"))
        end)
      end
    end
  end

  it("is one of at least forty", function()
    assert.is_true(count >= 40)
  end)
end)
