-- What Http11Probe sends to servers, judged as far as the parser alone can: what must be refused is
-- never complete on a connection that goes on, what must be served is.
local parse = require "unit.http.parse"
local probes = require "support.probes"

-- Refused by the parser, or, where a time-out is an answer too, not complete.
local function is_refused(probe, out)
  return out.verdict == "refused" or (out.verdict == "more" and probe.expected:find "timeout" ~= nil)
end

describe("Http11Probe", function()
  local all = probes.http11()
  if not all then
    pending "not here: http11probe.jsonl"
    return
  end

  for _, probe in ipairs(all) do
    it(probe.id .. ": " .. probe.desc, function()
      local out = parse.one(probe.raw)
      if not probe.expected:find "timeout" then
        assert.not_equal("more", out.verdict, "it waits for more of a complete request")
      end
      if probe.expected:find "2xx" or probe.expected:find "200" then
        if not probe.expected:find "4%d%d" and not probe.expected:find "50%d" then
          assert.equal("complete", out.verdict, out.detail)
          assert.equal(not probe.expected:find "%+ close", out.keep_alive)
        end
      elseif probe.expected ~= "!101" then
        assert.is_true(is_refused(probe, out), out.verdict)
        if out.status then
          local allowed = probe.expected:find(tostring(out.status), 1, true) or probe.expected:find "close"
          assert.truthy(allowed, "answered " .. out.status .. ", expected " .. probe.expected)
        end
      else
        assert.equal("complete", out.verdict, out.detail)
      end
    end)
  end
end)
