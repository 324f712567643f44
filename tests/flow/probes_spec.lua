-- Http11Probe's requests to the executable: none that must be refused is answered as if it were sound,
-- none that must be served is refused, and what is complete never waits for a time-out.
local figure = require "support.figure"
local gateway = require "support.gateway"
local posix = require "support.posix"
local probes = require "support.probes"
local wait = require "support.wait"

local routes = [[
  local gate = require "moongate"
  local function echo(req)
    local lines = {}
    for name, value in pairs(req.headers) do
      lines[#lines + 1] = name .. ": " .. value
    end
    return table.concat(lines, "\n")
  end
  gate.get("/", function() return "OK" end)
  gate.post("/", function(req) return req.text end)
  gate.get("/echo", echo)
  gate.post("/echo", echo)
]]

-- What came back: the list of statuses, whether the gateway closed, and when the first reply came.
local function probe_once(g, raw)
  local c = g:connect()
  local out = { statuses = {} }
  c:send(raw)
  while true do
    local reply, why = c:read { head = raw:find "^HEAD " ~= nil }
    if not reply then
      out.ending = why
      break
    end
    out.first_ms = out.first_ms or posix.now() - c.at
    out.statuses[#out.statuses + 1] = reply.status
    out.close = reply.headers.connection == "close"
  end
  c:close()
  return out
end

local function serves(statuses)
  for _, status in ipairs(statuses) do
    if status < 300 then
      return true
    end
  end
  return false
end

local function may_be_served(expected)
  return expected:find "2xx" or expected:find "200" or expected == "!101"
end

-- A method that is not served here is 501 (RFC 9110 §15.6.2) where the probe would say 405.
local function has_status(expected, status)
  return expected:find(tostring(status), 1, true) or expected:find "close" or
    (status == 501 and expected:find "405")
end

local REFUSE = "it must be refused"

-- What is wrong with the outcome, or nil.
local function judge(probe, out)
  local expected, status = probe.expected, out.statuses[1]
  local may_serve = may_be_served(expected)
  local may_refuse = expected:find "[45]%d%d" or expected:find "or close"
  if not may_serve and serves(out.statuses) then
    return REFUSE
  elseif may_serve and not may_refuse and not (status and status < 300) then
    return "it must be served"
  elseif expected:find "%+ close" and not out.close then
    return "the connection must close"
  elseif status and status >= 300 and not has_status(expected, status) then
    return "not with that status"
  elseif not status and not expected:find "close" and not expected:find "timeout" then
    return "it got no reply"
  elseif status == 408 and not expected:find "timeout" then
    return "it waits for more of a complete request"
  elseif out.ending ~= "closed" and out.ending ~= "reset" then
    return "the connection did not end: " .. tostring(out.ending)
  end
end

describe("Http11Probe", function()
  local all = probes.http11()
  if not all then
    pending "not here: http11probe.jsonl"
    return
  end

  local g

  setup(function()
    g = gateway.start({
      ["gateway.lua"] = { limits = { header_within = "1s", body_idle = "1s", idle = "1s", linger = "200ms" } },
      ["routes.lua"] = routes,
    }, { workers = 2 })
  end)

  teardown(gateway.clean)

  it("finds nothing", function()
    local wrong, served, refused = {}, {}, 0
    wait.in_time(function() -- none may ever be served that must not; all are in time when the machine is
      wrong, refused = {}, 0
      local outcomes = wait.at_once(#all, function(i)
        local raw = all[i].raw:gsub("localhost:8080", "localhost:" .. g.port)
        return probe_once(g, raw)
      end)
      for i, out in ipairs(outcomes) do
        local why = judge(all[i], out)
        if why then
          wrong[#wrong + 1] = ("%s (%s), expected %s, got %s: %s"):format(all[i].id, all[i].desc,
            all[i].expected, table.concat(out.statuses, ", "), why)
          served[#served + 1] = why == REFUSE and wrong[#wrong] or nil
        end
        refused = refused + (may_be_served(all[i].expected) and 0 or 1)
      end
      assert.equal("", table.concat(wrong, "\n"))
    end)
    assert.same({}, served)
    figure.is(1, ("answered wrong, of %d, of which %d must be refused"):format(#all, refused), #wrong, 0)
    assert.same({ 142, 79 }, { #all, refused })
    assert.equal("OK", g:get("/").body)
  end)

  it("sends nothing at all and is let go", function()
    local c = g:connect()
    local how, bytes = c:ending()
    assert.same({ "closed", "" }, { how, bytes })
  end)
end)
