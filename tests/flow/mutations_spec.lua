-- Requests that were changed at random, to the gateway and, in the long version, to other servers before
-- the same backend: nobody's backend gets more requests than answers came out.
--   MG_SEED=7 tests/hardening 6     with other changes; MG_MUTATIONS says how many
local faultd = require "support.faultd"
local figure = require "support.figure"
local gateway = require "support.gateway"
local http = require "support.http"
local mutations = require "support.mutations"
local peers = require "support.peers"

local seed = tonumber(os.getenv "MG_SEED") or 6
local count = tonumber(os.getenv "MG_MUTATIONS") or figure.count(2000, 1000000)
local BATCH = 500

local routes = [[
  local gate = require "moongate"
  local backend = gate.service "backend"
  local all = { headers = "*", query = "*" }
  gate.get("/echo/{x}", { calls = { c = backend:get("/echo/{x}", { forward = all }) }, reply = {} })
  gate.delete("/echo/{x}", { calls = { c = backend:delete("/echo/{x}", { forward = all }) }, reply = {} })
  gate.put("/echo/{x}", { pass = backend:put "/echo/{x}" })
  gate.post("/echo/{x}", function(req)
    backend:post("/echo/{x}", { params = { x = req.params.x }, forward = all, text = req.text }):wait()
    return "done"
  end)
]]

-- What comes back for these bytes until the connection ends: how many answers, and how many of them are
-- no refusal.
local function send(port, bytes)
  local c = http.connect(port)
  c:send(bytes)
  local _, came = c:ending(5000)
  c:close()
  local answers, fine = 0, 0
  for status in came:gmatch "HTTP/1%.[01] (%d%d%d) [^\r\n]*\r\n" do
    status = tonumber(status)
    answers = answers + (status >= 200 and 1 or 0)
    fine = fine + (status >= 200 and status < 300 and 1 or 0)
  end
  return answers, fine
end

describe("a request that was changed at random", function()
  after_each(function()
    gateway.clean()
    peers.clean()
    faultd.clean()
  end)

  -- Sends the cases from `from` to `to`: how many requests the backend got, the answers to each, and how
  -- many of all of them were fine.
  local function batch(port, backend, from, to)
    backend:reset()
    local next, answers, fine = from - 1, {}, 0
    require("support.wait").at_once(math.min(100, to - from + 1), function()
      while next < to do
        next = next + 1
        local n = next
        local all, good = send(port, mutations.bytes(seed, n))
        answers[n], fine = all, fine + good
      end
    end)
    local record = backend:record_when(function(r) return r.in_flight == 0 end, 2000)
    return record.requests, answers, fine
  end

  -- The cases of a batch of which the backend got more than was answered, one by one.
  local function beyond(port, backend, from, to)
    local list = {}
    for n = from, to do
      local got, answers = batch(port, backend, n, n)
      if got > answers[n] then
        list[#list + 1] = ("case %d of seed %d: %d requests, %d answers\n%q"):format(n, seed, got, answers[n],
          mutations.bytes(seed, n))
      end
    end
    return list
  end

  local function progress(...)
    if figure.slow() then
      io.stderr:write(("\r%s: %d of %d, %d let through, %d too many   "):format(...))
    end
  end

  -- All cases to one server: those of which more was forwarded than answered; `strictly`: than answered well.
  local function run(name, port, backend, strictly)
    local through, found = 0, {}
    for from = 1, count, BATCH do
      local to = math.min(from + BATCH - 1, count)
      local got, answers, fine = batch(port, backend, from, to)
      local answered = 0
      for n = from, to do
        answered = answered + answers[n]
      end
      through = through + got
      if got > (strictly and fine or answered) then
        for _, one in ipairs(beyond(port, backend, from, to)) do
          found[#found + 1] = one
        end
      end
      progress(name, to, count, through, #found)
    end
    return through, found
  end

  it("reaches the backend as often as it is answered", function()
    local backend = faultd.start()
    local g = gateway.start({
      ["gateway.lua"] = { services = { backend = backend.url },
        limits = { header_within = "150ms", body_idle = "150ms", idle = "150ms", linger = "20ms" } },
      ["routes.lua"] = routes,
    }, { workers = 2 })
    local through, found = run("moongate", g.port, backend, true)
    assert.is_true(through > count / 4, through .. " were let through")
    figure.is(6, ("forwarded and not answered, of %d requests changed at random"):format(count), #found, 0)
    for _, peer in ipairs(figure.slow() and peers.start(backend.port) or {}) do
      local all, more = run(peer.name, peer.port, backend)
      figure.tell(6, ("%s forwarded and did not answer; it let %d through, we %d"):format(peer.name, all, through),
        #more)
    end
  end)
end)
