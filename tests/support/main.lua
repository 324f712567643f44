-- What the test executable runs: busted on the specs named on the command line (all unit and Lua
-- specs when none is), with our output. Returns the exit code.
local places = require "support.places"

-- Modules that declare things to LuaJIT's FFI are loaded before busted starts isolating files:
-- what one spec file loads would be forgotten and declared again in the next.
require "ffi"
require "support.core"

local function exists(path)
  local file = io.open(path)
  if file then
    file:close()
  end
  return file ~= nil
end

local named = false
local options = {}
for _, argument in ipairs(arg) do
  named = named or argument:sub(1, 1) ~= "-"
  options[#options + 1] = argument
end
for _, folder in ipairs(named and {} or { "unit", "lua" }) do
  local path = places.checkout .. "/tests/" .. folder
  if exists(path) then
    options[#options + 1] = path
  end
end
options[0] = arg[0]
_G.arg = options

-- busted leaves with os.exit when something failed; here that has to unwind instead, so that the
-- state is closed and leaks are seen. It reads this function when its runner is loaded.
local left = {}
require("busted.compatibility").exit = function(code)
  error(setmetatable({ code = code }, left), 0)
end

local ok, why = pcall(function()
  require "busted.runner" { standalone = false, output = "support.output" }
end)
if ok then
  return 0
end
if getmetatable(why) ~= left then
  io.stderr:write("moongate-tests: " .. tostring(why) .. "\n")
  return 1
end
return why.code == 0 and 0 or 1
