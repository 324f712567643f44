-- What is measured, in the order of the table. The first of `who` is the one that is compared with
-- each of the others. A participant is a kind of server with its path (default: that of the first),
-- options and label.
local route_count = 10000

local profile = { id = 42, name = "Ada Lovelace", email = "ada@example.com",
  credit = { id = 7, limit = 2500 } }
local orders = { count = 2,
  items = { { id = 1, total = 12.5 }, { id = 2, total = 99, title = "Lamp" } } }
local wallet = { points = 1200, currency = "EUR", valid = true, cards = { "visa", "amex" } }
local three = { profile = profile, orders = orders, wallet = wallet }

local twenty = {}
for i = 1, 20 do
  twenty["part" .. i] = { part = i, title = "Part number " .. i, tags = { "a", "b" }, price = 12.5 }
end

local catalogue = { title = "Catalogue", items = {} }
for i = 1, 15 do
  catalogue.items[i] = { id = i, title = "Page " .. i, tags = { "a", "b", "c" }, price = i * 1.5 }
end

local pooled = { read_api = "read_api", read_db = "read_db", result_file = "result_file" }

local function moongate(path, label, options)
  return { kind = "moongate", path = path, label = label, options = options }
end

local function peers(list)
  local found = {}
  for kind in list:gmatch "%S+" do
    found[#found + 1] = { kind = kind }
  end
  return found
end

local function versus(subject, others)
  table.insert(others, 1, subject)
  return others
end

-- The folder of a gateway with `count` routes.
local function routes_folder(count)
  return function(folder)
    local gateway = assert(io.open(folder .. "/gateway.lua", "w"))
    gateway:write "return {}\n"
    gateway:close()
    local file = assert(io.open(folder .. "/routes.lua", "w"))
    file:write 'local gate = require "moongate"\n'
    for i = 1, count do
      file:write(('gate.get("/v1/thing%d/{id}", { reply = { id = "{id}" } })\n'):format(i))
    end
    file:close()
  end
end

local function routes(count)
  return { kind = "moongate", label = count .. " routes", path = "/v1/thing1/42",
    many = { path = "/v1/thing{i}/42", count = count }, options = { make = routes_folder(count) } }
end

local function pass(name, clients, blob)
  return { name = "pass-" .. name, title = "pass-through of " .. blob.text, clients = clients,
    blob = blob, needs_pass = true,
    who = versus(moongate("/blob/" .. name, nil, { pass = true }),
      peers "nginx+lua haproxy node") }
end

local function pool(clients, seconds)
  return { name = "pool-" .. clients, title = ("thread-pool endpoint, %d clients"):format(clients),
    clients = clients, threads = clients > 100 and 2 or 1, seconds = seconds, expect = pooled,
    rounds = 3, who = versus(moongate "/pool", peers "floor fastapi") }
end

return {
  { name = "hello", title = "hello, by a function", clients = 64, expect = { message = "hello" },
    who = versus(moongate "/hello", peers "floor nginx+lua haproxy node fastapi") },
  { name = "hello-template", title = "hello, by a template", clients = 64,
    expect = { message = "hello" },
    who = { moongate "/hello-template", { kind = "floor", path = "/hello" },
      { kind = "nginx+lua", path = "/hello" },
      moongate("/hello", "moongate, function") } },
  pass("1k", 64, { text = "1 KiB", size = 1024 }),
  pass("64k", 64, { text = "64 KiB", size = 65536 }),
  pass("10m", 8, { text = "10 MiB", size = 10485760 }),
  { name = "fan3", title = "fan-out of 3, reply by a function", clients = 64, expect = three,
    who = versus(moongate "/fan3/42", peers "floor nginx+lua haproxy node") },
  { name = "fan3-template", title = "fan-out of 3, reply by a template", clients = 64,
    expect = three, who = { moongate "/fan3-template/42", { kind = "floor", path = "/fan3/42" },
      { kind = "nginx+lua", path = "/fan3/42" } } },
  { name = "fan3-none", title = "fan-out of 3, no reply declared", clients = 64, expect = three,
    who = { moongate "/fan3-none/42", { kind = "floor", path = "/fan3/42" },
      { kind = "nginx+lua", path = "/fan3/42" } } },
  { name = "fan3-all", title = "fan-out of 3, by a function with gate.all", clients = 64,
    expect = three, who = { moongate "/fan3-all/42", moongate("/fan3/42", "moongate, planned"),
      { kind = "floor", path = "/fan3/42" }, { kind = "nginx+lua", path = "/fan3/42" } } },
  { name = "fan20", title = "fan-out of 20, reply by a function", clients = 64, expect = twenty,
    who = versus(moongate "/fan20/42", peers "floor nginx+lua haproxy node") },
  { name = "file", title = "a JSON file read and answered", clients = 64,
    expect = { page = catalogue }, who = versus(moongate "/file", peers "nginx+lua node fastapi") },
  { name = "sqlite", title = "one row from SQLite", clients = 64,
    expect = { row = { name = "user 42", points = 420 } },
    who = versus(moongate "/row/42", peers "fastapi") },
  { name = "routes", title = "10,000 routes beside 10", clients = 64, expect = { id = "42" },
    who = { routes(route_count), routes(10) } },
  { name = "workers", title = "two workers beside one, fan-out of 3", clients = 64, expect = three,
    threads = 2, who = { moongate("/fan3/42", "2 workers", { workers = 2 }),
      moongate("/fan3/42", "1 worker") } },
  { name = "workers-hello", title = "two workers beside one, hello", clients = 64, threads = 2,
    expect = { message = "hello" },
    who = { moongate("/hello", "2 workers", { workers = 2 }), moongate("/hello", "1 worker") } },
  pool(8, 10),
  pool(64, 10),
  pool(1000, 30),
  { name = "start", title = "cold start to the first reply", unit = "ms", measure = "start",
    rounds = 11, who = versus(moongate "/hello", peers "floor nginx+lua haproxy node fastapi") },
  { name = "idle", title = "memory of an idle connection", unit = "KiB", measure = "idle",
    count = 10000, who = versus(moongate(nil), peers "floor nginx+lua haproxy node") },
  { name = "idle-used", title = "memory of an idle connection that was used", unit = "KiB",
    measure = "idle", count = 10000,
    who = versus(moongate "/hello", peers "floor nginx+lua haproxy node") },
  { name = "waiting", title = "memory of a request that waits for three backends", unit = "KiB",
    measure = "waiting", count = 1000, who = versus(moongate "/hold", peers "floor nginx+lua node") },
  { name = "pass-memory", title = "memory of a passed 10 MiB that nobody reads", unit = "KiB",
    measure = "stalled", count = 32, needs_pass = true, blob = { size = 10485760 },
    who = versus(moongate("/blob/10m", nil, { pass = true }), peers "nginx+lua haproxy node") },
}
