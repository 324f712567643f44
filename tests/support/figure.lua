-- Figures of the programme that tests/hardening prints: what a row of it has measured, and what it
-- must be. A spec says them beside its assertions:
--   figure.is(23, "replies mixed up, of 900 calls", mixed, 0)
-- They are collected in the file that MG_FIGURES names, if it does. MG_SLOW=1 asks for the long version
-- of a row: figure.count(300, 10000) is the first number without it, the second with it.
local places = require "support.places"

local figure = {}

local function record(row, what, value, limit, holds)
  local path = os.getenv "MG_FIGURES"
  if path then
    local file = assert(io.open(path, "a"))
    file:write(table.concat({ row, what, value, limit, holds and "yes" or "no" }, "\t"), "\n")
    file:close()
  end
end

-- For what has its own way of judging.
figure.record = record

local function check(row, what, value, limit, holds)
  record(row, what, value, limit, holds)
  if not holds then
    error(("row %d, %s: %s, and it must be %s"):format(row, what, value, limit), 3)
  end
end

local function short(value)
  return type(value) == "number" and value % 1 ~= 0 and ("%.1f"):format(value) or tostring(value)
end

function figure.is(row, what, value, wanted)
  check(row, what, tostring(value), tostring(wanted), value == wanted)
end

function figure.most(row, what, value, limit)
  check(row, what, short(value), "<= " .. short(limit), value <= limit)
end

function figure.least(row, what, value, limit)
  check(row, what, short(value), ">= " .. short(limit), value >= limit)
end

-- Told, and never judged: what others do.
function figure.tell(row, what, value)
  record(row, what, tostring(value), "-", true)
end

-- Times depend on what else the machine does: shown and judged by tests/hardening, asserted by nobody,
-- and not told by sanitizer builds.
function figure.ms(row, what, value, limit)
  if places.sanitize == "" then
    record(row, what, short(value) .. " ms", "<= " .. short(limit) .. " ms", value <= limit)
  end
end

function figure.slow()
  return os.getenv "MG_SLOW" == "1"
end

function figure.count(quick, slow)
  return figure.slow() and slow or quick
end

return figure
