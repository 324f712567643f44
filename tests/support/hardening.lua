-- tests/hardening's table: luajit hardening.lua BUILD SCRATCH [ROW...]. Runs each spec of the rows once,
-- in a process of its own, and prints a line for each figure, or for the tests of a row without any.
package.path = "tests/?.lua;" .. package.path
local programme = require "support.programme"
local slurp = require "support.slurp"

local build, scratch = arg[1], arg[2]
local wanted, some = {}, #arg > 2
for i = 3, #arg do
  wanted[tonumber(arg[i])] = true
end

local function succeeds(command)
  local first, _, code = os.execute(command)
  return first == true and (code == nil or code == 0) or first == 0
end

-- How many tests of a spec have passed and failed; one that has crashed or hung counts as a failure.
local results = {}
local function run(spec)
  if not results[spec] then
    local out = scratch .. "/out"
    io.stderr:write(("\r%-60s\r"):format(spec))
    -- A long version says on standard error how far it is.
    local ok = succeeds(("timeout -k 5 %d '%s/moongate-tests' '%s' >'%s' %s"):format(some and 14400 or 1800, build, spec,
      out, some and "" or "2>&1"))
    local passed, failed, skipped = slurp(out):match "(%d+) passed, (%d+) failed,? ?(%d*)"
    local result = { passed = tonumber(passed) or 0, failed = tonumber(failed) or 1,
      skipped = tonumber(skipped) or 0, text = slurp(out) }
    if not ok and result.failed == 0 then
      result.failed = 1
    end
    results[spec] = result
  end
  return results[spec]
end

local function figures_of(row)
  local list = {}
  for line in slurp(scratch .. "/figures"):gmatch "[^\n]+" do
    local number, what, value, limit, holds = line:match "^(%d+)\t(.-)\t(.-)\t(.-)\t(%a+)$"
    if tonumber(number) == row then
      list[#list + 1] = { what = what, value = value, limit = limit, holds = holds == "yes" }
    end
  end
  return list
end

local all_hold = true

local function say(row, what, value, limit, verdict)
  print(("%3s  %-64s %18s %14s  %s"):format(row or "", what, value or "", limit or "", verdict))
  all_hold = all_hold and verdict ~= "NOT HELD"
end

local function held(is)
  return is and "held" or "NOT HELD"
end

local function run_specs(row)
  local passed, failed, skipped, broken = 0, 0, 0, {}
  for _, spec in ipairs(row[3]) do
    local result = run(spec)
    passed, failed, skipped = passed + result.passed, failed + result.failed, skipped + result.skipped
    broken[#broken + 1] = result.failed > 0 and result.text or nil
  end
  local nothing = passed + failed == 0 or skipped > 0 and passed == 0
  say(row[1], row[2], ("%d of %d tests"):format(passed, passed + failed), "all",
    nothing and "skipped" or held(failed == 0))
  for _, text in ipairs(broken) do
    print(text)
  end
end

local function run_row(row)
  if row[3] then
    run_specs(row)
  elseif some then
    say(row[1], row[2], nil, nil, held(succeeds(row.slow .. " >&2")))
  else
    return say(row[1], row[2], nil, nil, "only by itself: tests/hardening " .. row[1])
  end
  for _, one in ipairs(figures_of(row[1])) do
    say(nil, "  " .. one.what, one.value, one.limit, held(one.holds))
  end
end

print(("%3s  %-64s %18s %14s"):format("row", "what was done", "figure", "limit"))
for _, row in ipairs(programme) do
  if not some or wanted[row[1]] then
    run_row(row)
  end
end
print(all_hold and "all that is built holds" or "NOT ALL HOLD")
os.exit(all_hold and 0 or 1)
