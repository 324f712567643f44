-- More than the gateway can do: what it takes on is served well, the rest is refused at once with a
-- reply that says so, and soon after it is over nobody is refused.
local faultd = require "support.faultd"
local figure = require "support.figure"
local gateway = require "support.gateway"
local loadgen = require "support.loadgen"
local places = require "support.places"

local slow = figure.slow()

local routes = [[
  local gate = require "moongate"
  local backend = gate.service "backend"
  local function burn(turns) -- of interpreted code: about 1 ms
    local sum = 0
    for i = 1, turns do
      sum = (sum + i * 7) % 1000003
    end
    return sum
  end
  gate.get("/busy/{n}", function(req)
    burn(TURNS)
    return req.params.n
  end)
  gate.get("/queued/{n}", {
    calls = { c = backend:get "/delay/DELAY/id/{n}" },
    reply = function(_, got) return got.c.body.id end,
  })
]]

local function start(turns, service)
  return gateway.start({
    ["gateway.lua"] = { limits = { queue_delay = "100ms" }, services = { backend = service or "http://127.0.0.1:1" } },
    ["routes.lua"] = routes:gsub("TURNS", turns):gsub("DELAY", figure.count(20, 100)),
  }, { workers = 1, before = loadgen.on(0) })
end

local function run(g, path, phases)
  return loadgen.run(g, path, phases, { before = loadgen.on(1) })
end

local function phase(rate, seconds)
  return ("%dx%g"):format(math.max(1, math.floor(rate)), seconds)
end

local function nothing_wrong(row, what, ...)
  local all = { sent = 0, bad = 0 }
  for _, one in ipairs { ... } do
    all.sent = all.sent + one.sent
    all.bad = all.bad + one.lost + one.wrong + one.unasked + one.bare + one.other + one.unsent
  end
  figure.is(row, ("%s: lost, wrong or without Retry-After, of %d"):format(what, all.sent), all.bad, 0)
end

local function a_second(one)
  return one.ok * 1000 / one.ms
end

-- Measures what can be done, asks for ten times that, then for half; asserts what does not depend on
-- the machine. `least`: what is asked for at least, should the machine have slept when it was measured.
local function overload(g, what, path, count, least)
  local function tenfold(rate) -- no more than there are connections for, should the gateway sleep
    return math.min(math.max(rate * 10, least), figure.count(10000, math.huge))
  end
  local closed = ("c%dx%g"):format(count, figure.count(0.15, 4))
  local peak = run(g, path, { closed })
  local rate = a_second(peak)
  assert.is_true(rate > 0)
  local normal, over, calm, again = run(g, path, { phase(rate / 2, figure.count(0.05, 5)),
    phase(tenfold(rate), figure.count(1.2, 60)), phase(rate / 2, figure.count(0.2, 5)), closed })
  nothing_wrong(29, what, peak, normal, over, calm, again)
  assert.is_true(over.shed > 0, "nothing was refused")
  rate = (rate + a_second(again)) / 2
  if places.sanitize == "" then -- there, refusing costs as much as the work of the route
    figure.least(29, what .. ": goodput at ten times that, in % of the peak", a_second(over) / rate * 100,
      figure.count(5, 90))
  end
  if slow then -- in less time, what comes before the overload is seen is too large a part
    figure.ms(29, what .. ": p99 of what was taken on", over.ok_p99 / 1000, normal.ok_p99 / 1000 * 5)
    figure.ms(29, what .. ": refused, half of them within", over.shed_p50 / 1000, 10)
    figure.ms(29, what .. ": refused, 99 % of them within", over.shed_p99 / 1000, 10)
  end
  figure.ms(29, what .. ": the last that was refused, after it was over", calm.last_shed, 2000)
  return over
end

describe("ten times as many requests as can be done", function()
  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  it("of a worker: those that are taken on are served, the others refused at once", function()
    local g = start(figure.count(45000, 90000))
    overload(g, "a worker", "/busy/", 8, places.sanitize == "" and figure.count(5000, 0) or 1000)
    assert.equal("1", g:get("/busy/1").body)
    g:stop()
    local log = g:log()
    local _, begins = log:gsub("is overloaded: requests have waited for it longer than 100 ms", "")
    local _, ends = log:gsub("is no longer overloaded: in %d+ ms, %d+ requests were refused", "")
    assert.is_true(begins > 0)
    assert.equal(begins, ends)
    assert.is_true(begins < 10, "the log has a line for each")
  end)

  it("of a backend: what it cannot take soon is refused", function()
    local backend = faultd.start()
    local at_once = figure.count(5, 50)
    local g = start(1, { url = backend.url, at_once = at_once })
    overload(g, "a backend", "/queued/", at_once, places.sanitize == "" and figure.count(2500, 0) or 1000)
    assert.is_true(backend:record({ brief = true }).in_flight_most <= at_once)
  end)
end)

-- What bounds a backend that hangs is the time of its calls and how many of them may wait
-- (service_at_once, service_waiting): there are no circuit breakers.
describe("one of ten backends that hangs", function()
  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  local function ten()
    local good, bad = faultd.start(), faultd.start() -- what many calls at once cost faultd is not looked at
    local services = { s10 = bad.url }
    for i = 1, 9 do
      services["s" .. i] = good.url
    end
    return gateway.start({
      ["gateway.lua"] = { limits = { queue_delay = "100ms" }, services = services },
      ["routes.lua"] = ([[
        local gate = require "moongate"
        local nine = {}
        for i = 1, 9 do
          nine[i] = gate.service("s" .. i)
        end
        gate.get("/nine/{n}", function(req)
          local n = req.params.n
          return nine[n % 9 + 1]:get("/id/{n}", { params = { n = n } }):wait().body.id
        end)
        local tenth = gate.service "s10"
        gate.get("/tenth/good/{n}", { calls = { c = tenth:get "/id/{n}" }, reply = function(_, got)
          return got.c.body.id
        end })
        gate.get("/tenth/hangs/{n}", { within = "WITHIN", calls = { c = tenth:get "/hang" } })
      ]]):gsub("WITHIN", figure.count("200ms", "1s")),
    }, { workers = 1, before = loadgen.on(0) })
  end

  it("costs the others nothing", function()
    local g = ten()
    local rate = a_second(run(g, "/nine/", { ("c16x%g"):format(figure.count(0.2, 3)) })) / 2
    -- Both at once: the nine and the tenth, each with its part of the load.
    local function beside(path)
      local seconds = figure.count(0.3, 6)
      local few = math.max(rate / 10, 50) -- should the machine have slept when it was measured
      local other = loadgen.start(g, path, { phase(few, seconds) }, { before = loadgen.on(1) })
      local one = run(g, "/nine/", { phase(rate * 9 / 10, seconds) })
      nothing_wrong(30, "nine of ten, beside " .. path, one)
      if slow then
        figure.is(30, "of those, refused", one.shed, 0)
      end
      return one, (loadgen.finish(other))
    end
    local before, after = math.huge, math.huge
    for _ = 1, figure.count(1, 4) do
      local good = slow and beside "/tenth/good/" or { ok_p99 = 0 }
      local bad, hung = beside "/tenth/hangs/"
      assert.is_true(hung.other + hung.shed > 0)
      assert.equal(0, hung.ok + hung.lost + hung.wrong)
      before, after = math.min(before, good.ok_p99), math.min(after, bad.ok_p99)
    end
    if slow then
      figure.ms(30, ("nine of ten: p99 while one hangs; %.2f ms before"):format(before / 1000), after / 1000,
        before / 1000 * 1.1)
    end
  end)
end)
