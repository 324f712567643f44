-- Connections that come and go, half of them reset at some point of their request: those that stay to
-- the end are answered, and nothing is left of the others.
local faultd = require "support.faultd"
local figure = require "support.figure"
local gateway = require "support.gateway"
local generator = require "support.random"
local http = require "support.http"
local wait = require "support.wait"

describe("connections that come and go", function()
  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  it("are answered if they stay, and leave nothing behind if they do not", function()
    local backend = faultd.start()
    local g = gateway.start({
      ["gateway.lua"] = { services = { backend = backend.url } },
      ["routes.lua"] = [[
        local gate = require "moongate"
        local backend = gate.service "backend"
        gate.get("/ok/{n}", function(req) return req.params.n end)
        gate.get("/call/{n}", { calls = { c = backend:get "/delay/2/id/{n}" }, reply = { id = "{c.body.id}" } })
        gate.post("/echo/{n}", function(req) return req.text end)
      ]],
    }, { workers = 2 })

    -- Descriptors that are no connection to the backend.
    local function descriptors()
      return g:fds() - backend:record({ brief = true }).open
    end

    local random = generator(14)

    local function request(i)
      local kind = random(3)
      if kind == 1 then
        return http.request("/ok/" .. i), tostring(i)
      elseif kind == 2 then
        return http.request("/call/" .. i), ('{"id":"%d"}'):format(i)
      end
      return http.request("/echo/" .. i, { body = "body " .. i }), "body " .. i
    end

    assert.equal(200, g:get("/call/0").status)
    local before = descriptors()
    local count, next, lost, stayed = figure.count(1500, 60000), 0, {}, 0
    wait.at_once(16, function()
      while next < count do
        next = next + 1
        local i, c = next, g:connect()
        local bytes, wanted = request(i)
        if random(2) == 1 then
          c:send(bytes:sub(1, random(#bytes + 1) - 1))
          if random(2) == 1 then
            c:reset()
          else
            c:close()
          end
        else
          stayed = stayed + 1
          c:send(bytes)
          local reply, why = c:read()
          if not reply or reply.body ~= wanted then
            lost[#lost + 1] = bytes .. tostring(reply and reply.body or why)
          end
          c:close()
        end
      end
    end)
    local left
    wait.till(function()
      left = descriptors() - before
      return math.abs(left) <= 2
    end, 5000)
    assert.same({}, lost)
    figure.is(14, ("lost, of %d that stay beside %d that leave"):format(stayed, count - stayed), #lost, 0)
    figure.most(14, "descriptors left behind", left, 2)
  end)
end)
