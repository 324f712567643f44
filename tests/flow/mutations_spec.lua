-- Requests that were changed at random, to the gateway and, in the long version, to other servers before
-- the same backend. Each case comes from an address of its own, which the servers tell the backend: so
-- what became of each is known, whatever the change has made of its bytes.
--   MG_SEED=7 tests/hardening 6     with other changes; MG_MUTATIONS says how many
local faultd = require "support.faultd"
local figure = require "support.figure"
local gateway = require "support.gateway"
local http = require "support.http"
local mutations = require "support.mutations"
local peers = require "support.peers"
local wait = require "support.wait"

local seed = tonumber(os.getenv "MG_SEED") or 6
local count = tonumber(os.getenv "MG_MUTATIONS") or figure.count(2000, 1000000)
local BATCH, AT_ONCE = figure.count(500, 8000), figure.count(100, 400)
local PEERS_EACH = 5 -- other servers are slower: they get one batch of so many

-- Each answer with status 200 says that the backend was asked, and no other one does.
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

local function address(n)
  return ("127.%d.%d.%d"):format(1 + math.floor(n / 65536) % 254, math.floor(n / 256) % 256, n % 256)
end

-- The statuses that come back for a case until the connection ends.
local function send(server, n)
  local c = http.connect(server.port, { from = address(n) })
  c:send(mutations.bytes(seed, n))
  local _, came = c:ending(5000)
  c:close()
  local statuses = {}
  for status in came:gmatch "HTTP/1%.[01] (%d%d%d) [^\r\n]*\r\n" do
    statuses[#statuses + 1] = status >= "200" and status or nil
  end
  return statuses
end

-- Sends the cases from `from` to `to`. What became of them by their numbers: { statuses, seen = what the
-- backend was asked }; and what it was asked by nobody.
local function batch(server, from, to)
  local backend, cases, owners, nobodys, next = server.backend, {}, {}, {}, from - 1
  backend:reset()
  wait.at_once(math.min(AT_ONCE, to - from + 1), function()
    while next < to do
      next = next + 1
      local case = { name = server.name, seen = {} }
      cases[next], owners[address(next)] = case, case
      case.statuses = send(server, next)
    end
  end)
  for _, request in ipairs(backend:brief()) do
    local list = owners[request.from] and owners[request.from].seen or nobodys
    list[#list + 1] = request
  end
  return cases, nobodys
end

-- How many answers of a case say that the backend was asked.
local function told(case)
  local number = 0
  for _, status in ipairs(case.statuses) do
    number = number + (status == "200" and 1 or 0)
  end
  return number
end

-- The gateway sends no body with these.
local function is_bare(request)
  return request.method == "GET" or request.method == "DELETE"
end

-- A request as all servers would have to send it on.
local function essence(request)
  local path = request.target:gsub("^%a+://[^/?]*", ""):gsub("%?.*", ""):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end)
  return ("%s %s%s"):format(request.method, path, is_bare(request) and "" or " with " .. request.body)
end

-- Whether the backend was asked all that, in that order, by another server, too.
local function is_within(case, other)
  local at = 1
  for _, request in ipairs(other.seen) do
    if case.seen[at] and essence(case.seen[at]) == essence(request) then
      at = at + 1
    end
  end
  return at > #case.seen
end

-- Whether it has sent on all that it saw, and that was not the beginning of the same, before it left.
local function reads_otherwise(case, ours)
  local last = case.seen[#case.seen]
  local begins = not last or not is_bare(last) or last.body:find "^0%-"
  for i, request in ipairs(case.seen) do
    begins = begins and ours.seen[i] and essence(ours.seen[i]) == essence(request)
  end
  return #case.statuses == #case.seen and told(case) == #case.seen and not begins
end

local function describe_case(n, ...)
  local lines = { ("case %d of seed %d: %q"):format(n, seed, mutations.bytes(seed, n)) }
  for _, case in ipairs { ... } do
    local seen = {}
    for i, request in ipairs(case.seen) do
      seen[i] = essence(request)
    end
    lines[#lines + 1] = ("  %s answers %s; the backend is asked %s"):format(case.name,
      table.concat(case.statuses, " "), table.concat(seen, ", "))
  end
  return table.concat(lines, "\n")
end

describe("a request that was changed at random", function()
  after_each(function()
    gateway.clean()
    peers.clean()
    faultd.clean()
  end)

  local found -- what is wrong, and what somebody may want to look at: lists of texts

  local function find(list, text)
    list[#list + 1] = text
    if figure.slow() then
      io.stderr:write("\n", text, "\n")
    end
  end

  -- The gateway's part: how many requests of the cases it sent on.
  local function judge(cases, nobodys, from, to)
    local through = 0
    for n = from, to do
      through = through + #cases[n].seen
      if told(cases[n]) ~= #cases[n].seen then
        find(found.untrue, describe_case(n, cases[n]))
      end
    end
    for _, request in ipairs(nobodys) do
      find(found.smuggled, ("among the cases %d to %d of seed %d: %s"):format(from, to, seed, essence(request)))
    end
    return through
  end

  -- What the gateway sent on is held against what the others did with the same bytes. A server that had no
  -- time for a case is asked again.
  local function compare(cases, others, from, to)
    local theirs = {}
    for i, other in ipairs(others) do
      theirs[i] = batch(other, from, to)
      for n = from, to do
        local case = theirs[i][n]
        other.through = other.through + #case.seen
        other.untrue = other.untrue + (#case.seen > #case.statuses and 1 or 0)
      end
    end
    for n = from, to do
      local alone, list = #others > 0 and #cases[n].seen > 0, {}
      for i, other in ipairs(others) do
        local case = theirs[i][n]
        if not is_within(cases[n], case) then
          case = batch(other, n, n)[n]
        end
        local within = is_within(cases[n], case)
        if not within and reads_otherwise(case, cases[n]) then
          find(found.otherwise, describe_case(n, cases[n], case))
        end
        alone, list[i] = alone and not within, case
      end
      if alone then
        find(found.alone, describe_case(n, cases[n], unpack(list)))
      end
    end
  end

  it("is sent on if it is answered so, and not otherwise", function()
    local backend = faultd.start()
    local g = gateway.start({
      ["gateway.lua"] = { services = { backend = backend.url },
        limits = { header_within = "150ms", body_idle = "150ms", idle = "150ms", linger = "20ms" } },
      ["routes.lua"] = routes,
    }, { workers = 2 })
    local others = figure.slow() and peers.start(backend.port) or {}
    for _, other in ipairs(others) do
      other.backend, other.through, other.untrue = backend, 0, 0
    end
    local ours, through, compared = { name = "moongate", port = g.port, backend = backend }, 0, 0
    found = { untrue = {}, smuggled = {}, otherwise = {}, alone = {} }
    for from = 1, count, BATCH do
      local to = math.min(from + BATCH - 1, count)
      local cases, nobodys = batch(ours, from, to)
      through = through + judge(cases, nobodys, from, to)
      if #others > 0 and (from - 1) / BATCH % PEERS_EACH == 0 then
        compare(cases, others, from, to)
        compared = compared + to - from + 1
      end
      if figure.slow() then
        io.stderr:write(("\r%d of %d, %d let through   "):format(to, count, through))
      end
    end
    assert.same({ untrue = {}, smuggled = {}, otherwise = {} },
      { untrue = found.untrue, smuggled = found.smuggled, otherwise = found.otherwise })
    assert.is_true(through > count / 4, through .. " were let through")
    figure.is(6, ("answered as if sent on and not, or the reverse, of %d cases"):format(count), #found.untrue, 0)
    figure.is(6, "requests that the backend had from nobody", #found.smuggled, 0)
    if #others > 0 then
      figure.is(6, ("sent on otherwise than by one that refuses nothing, of %d"):format(compared), #found.otherwise, 0)
      figure.tell(6, ("sent on by us alone, of %d"):format(compared), #found.alone)
    end
    for _, other in ipairs(others) do
      figure.tell(6, ("%s: sent on and not answered; it let %d through"):format(other.name, other.through), other.untrue)
    end
  end)
end)
