-- The driver behind tests/soak: luajit main.lua BUILD SANITIZE MINUTES SEED.
local checkout, build, sanitize = os.getenv "SOAK_CHECKOUT", arg[1], arg[2]
package.path = checkout .. "/tests/?.lua;" .. package.path
package.loaded["support.places"] = { checkout = checkout, build = build, sanitize = sanitize }

-- Debian's LuaJIT goes wrong in compiled loops over its own pairs and next, now and then; over this they
-- are not compiled.
local own_next = next
local function plain_next(table, key) return own_next(table, key) end
jit.off(plain_next)
_G.next, _G.pairs = plain_next, function(table) return plain_next, table, nil end

local figure = require "support.figure"
local report = require "support.soak.report"
local run = require "support.soak.run"

local minutes, seed = tonumber(arg[3]), tonumber(arg[4])
io.stdout:setvbuf "line"
local result = run.go { minutes = minutes, seed = seed, progress = print }
local text, bad, figures = report.of(result)
print(text)
for _, one in ipairs(figures) do
  figure.record(40, unpack(one))
end
print(#bad == 0 and ("the soak holds; seed %d"):format(seed)
  or ("THE SOAK DOES NOT HOLD: %s; the same again: tests/soak %s %d"):format(table.concat(bad, ", "), arg[3], seed))
os.exit(#bad == 0 and 0 or 1)
