-- A fresh load phase for each test, as each Lua state of the gateway has one.

-- Compiled, 2 of 46 runs of these specs died in Debian's LuaJIT; interpreted, none of 86. One crash
-- was looked at: a side trace of a loop over pairs() whose pointer had lost its upper 32 bits.
require("jit").off()

local support = {}

local here = debug.getinfo(1, "S").source:match("^@(.*)/tests/lua/") or "."

local function forget()
  for name in pairs(package.loaded) do
    if name:find("^moongate") then
      package.loaded[name] = nil
    end
  end
end

-- Stand-ins for the run phase: they say that they were called, with what.
local function stub_run(name, functions)
  package.loaded[name] = {}
  for _, fn in ipairs(functions) do
    package.loaded[name][fn] = function(...)
      return { fn = fn, n = select("#", ...), ... }
    end
  end
end

---The library as a new state has it, over the stub of the core.
---@return table boot
---@return table core
function support.fresh()
  forget()
  package.path = here .. "/lua/?.lua;" .. here .. "/lua/?/init.lua;" .. package.path
  local core = dofile(here .. "/tests/lua/core_stub.lua")
  package.loaded["moongate.core"] = core
  stub_run("moongate.run", { "all", "sleep", "left", "wait", "start" })
  stub_run("moongate.reply", { "reply", "redirect", "fail" })
  return require "moongate.boot", core
end

-- The metatable of strings is one for the whole process: what the sandbox did to it would reach
-- other specs.
function support.restore()
  local shared = debug.getmetatable("")
  shared.__index, shared.__metatable = string, nil
end

---Problems as `moongate check` prints them.
---@param problems moongate.Problem[]?
---@return string[]
function support.printed(problems)
  local printed = {}
  for i, problem in ipairs(problems or {}) do
    printed[i] = ("%s:%d: %s"):format(problem.file, problem.line, problem.message)
  end
  return printed
end

support.here = here

return support
