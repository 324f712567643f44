-- Too few descriptors for all who come: nothing spins, nothing breaks, and it is over when they leave.
local faultd = require "support.faultd"
local figure = require "support.figure"
local gateway = require "support.gateway"
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local process = require "support.process"
local wait = require "support.wait"

describe("a gateway with 64 descriptors and 500 clients", function()
  local g, backend

  before_each(function()
    backend = faultd.start()
    g = gateway.start({
      ["gateway.lua"] = { services = { backend = backend.url }, limits = { connections = 100000 } },
      ["routes.lua"] = [[
        local gate = require "moongate"
        local backend = gate.service "backend"
        gate.get("/ok", function() return "ok" end)
        gate.get("/call", { calls = { c = backend:get "/delay/30/ok" } })
        gate.get("/hang", { calls = { c = backend:get "/hang" } })
      ]],
    }, { workers = 2, files = 64 })
  end)

  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  local function recovers(clients)
    for _, c in pairs(clients) do
      c:close()
    end
    local began = posix.now()
    assert.equal("ok", g:get("/ok").body)
    return posix.now() - began
  end

  local function spent(ms)
    local before = g:cpu()
    wait.sleep(ms)
    return g:cpu() - before
  end

  -- It has taken in as many as it can, and spends next to nothing while they are there.
  local function rests()
    assert.truthy(wait.till(function() return g:log():find("not accepting", 1, true) end, 5000), g:log())
    assert.truthy(wait.till(function() return spent(50) <= 10 end, 5000), "it does not come to rest")
    local ms = math.huge
    wait.till(function()
      ms = math.min(ms, spent(500))
      return ms <= 100
    end)
    figure.most(37, "ms of 500 that it spends while it is full", ms, 100)
  end

  it("uses little time while it is full of idle ones, and serves again when they leave", function()
    wait.below(1000, function()
      local clients = {}
      for i = 1, 500 do
        clients[i] = g:connect()
      end
      rests()
      assert.is_true(g:fds() <= 64)
      return recovers(clients)
    end)
    local _, logged = g:log():gsub("not accepting", "")
    assert.is_true(logged >= 1 and logged <= 10, g:log())
  end)

  it("answers all who ask and leave again", function()
    local replies = wait.at_once(500, function(i)
      local c = http.try_connect(g.port)
      local reply, why = c:ask(i % 2 == 0 and "/ok" or "/call", { within = 20000 })
      c:close()
      return reply and reply.status or why
    end)
    local counts = {}
    for _, status in ipairs(replies) do
      counts[status] = (counts[status] or 0) + 1
    end
    -- A call that finds no descriptor fails as any backend may; nothing else is lost.
    assert.equal(500, (counts[200] or 0) + (counts[502] or 0) + (counts[503] or 0))
    assert.is_true(counts[200] >= 250)
    wait.below(1000, function() return recovers {} end)
  end)

  it("that are waiting for backends: it stays up, spins not, and recovers", function()
    wait.below(1000, function()
      local clients = {}
      for i = 1, 500 do
        clients[i] = g:connect()
        clients[i]:send(http.request "/hang")
      end
      rests()
      return recovers(clients)
    end)
    assert.truthy(wait.till(function() return backend:record({ brief = true }).in_flight == 0 end))
    assert.truthy(wait.till(function() return g:get("/call").status == 200 end))
  end)
end)

describe("a gateway with too few descriptors to start", function()
  teardown(gateway.clean)

  it("says so and ends with code 1, wherever it was when there were no more", function()
    if places.sanitize ~= "" then
      return pending "sanitizers need descriptors of their own"
    end
    local folder = gateway.folder { ["a.lua"] = 'local gate = require "moongate"\ngate.get("/", function() return "" end)' }
    local crashed = 0
    for files = 12, 25 do
      local code, _, err = process.run { "/bin/sh", "-c", 'ulimit -n "$0" && exec "$@"', tostring(files),
        places.build .. "/moongate", "serve", folder, "--listen", "127.0.0.1:0", "--workers", "4" }
      crashed = crashed + (code > 128 and 1 or 0)
      assert.equal(1, code, ("%d descriptors: %s"):format(files, err))
      assert.truthy(err:find("descriptors", 1, true) or err:find("Too many open files", 1, true), err)
    end
    figure.is(37, "crashes of 14 starts with too few descriptors", crashed, 0)
  end)
end)
