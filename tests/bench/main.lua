-- The driver behind tests/bench/run and tests/bench/profile.
local checkout, build = os.getenv "BENCH_CHECKOUT", os.getenv "BENCH_BUILD"
package.path = checkout .. "/tests/?.lua;" .. package.path
package.loaded["support.places"] = { checkout = checkout, build = build, sanitize = "" }

local options = require "bench.options"
local output = require "bench.table"
local servers = require "bench.servers"

local function fail(text)
  output.progress(nil)
  io.stderr:write("tests/bench: " .. tostring(text) .. "\n")
  os.exit(1)
end

local ok, given = pcall(options.read, arg)
if not ok then
  fail(given)
elseif given.list then
  for _, workload in ipairs(options.workloads) do
    print(("%-16s %s"):format(workload.name, workload.title))
  end
  os.exit(0)
end

-- What the servers need in the scratch folder: a database, and blobs to pass through.
local function furnish(scratch)
  local made = os.execute(("sqlite3 -bail '%s/shop.db' < '%s/tests/bench/gateway/shop.sql'")
    :format(scratch, checkout))
  assert(made == 0, "sqlite3 could not make a database")
  assert(os.execute(("mkdir '%s/blob'"):format(scratch)) == 0)
  for name, size in pairs { ["1k"] = 1024, ["64k"] = 65536, ["10m"] = 10485760 } do
    assert(os.execute(("head -c %d /dev/urandom > '%s/blob/%s'"):format(size, scratch, name)) == 0)
  end
end

local scratch = assert(os.getenv "TMPDIR")
local done, why = xpcall(function()
  furnish(scratch)
  servers.open(scratch)
  return require("bench." .. given.action)(given)
end, function(problem)
  return type(problem) == "string" and os.getenv "BENCH_TRACE" and debug.traceback(problem)
    or problem
end)
servers.close()
if not done then
  fail(why)
end
os.exit(why and 0 or 1)
