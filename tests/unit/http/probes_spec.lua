-- What Http11Probe sends to servers, judged as far as the parser alone can: what must be refused is
-- never complete on a connection that goes on, what must be served is.
local parse = require "unit.http.parse"
local json = require "dkjson"

-- The payloads that the recording cut or garbled, made again from their descriptions.
local rebuilt = {
  ["MAL-LONG-URL"] = "GET /" .. ("A"):rep(102400) .. " HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
  ["MAL-LONG-HEADER-VALUE"] = "GET / HTTP/1.1\r\nHost: localhost:8080\r\nX-Big: " ..
    ("B"):rep(102400) .. "\r\n\r\n",
  ["MAL-MANY-HEADERS"] = "GET / HTTP/1.1\r\nHost: localhost:8080\r\n" ..
    ("X-H: value\r\n"):rep(10000) .. "\r\n",
  ["MAL-LONG-HEADER-NAME"] = "GET / HTTP/1.1\r\nHost: localhost:8080\r\n" .. ("A"):rep(102400) ..
    ": v\r\n\r\n",
  ["MAL-LONG-METHOD"] = ("A"):rep(102400) .. " / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
  ["MAL-NON-ASCII-HEADER-NAME"] = "GET / HTTP/1.1\r\nHost: localhost:8080\r\nX-T\195\171st: value\r\n\r\n",
  ["MAL-NON-ASCII-URL"] = "GET /caf\195\169 HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
  ["MAL-URL-OVERLONG-UTF8"] = "GET /\192\175 HTTP/1.1\r\nHost: localhost:8080\r\n\r\n",
  ["MAL-CONTROL-CHARS-HEADER"] = "GET / HTTP/1.1\r\nHost: localhost:8080\r\nX-Test: abc\7\8\128f\r\n\r\n",
  ["MAL-CHUNK-EXT-64K"] = "POST / HTTP/1.1\r\nHost: localhost:8080\r\nTransfer-Encoding: chunked" ..
    "\r\n\r\n5;ext=" .. ("a"):rep(65536) .. "\r\nhello\r\n0\r\n\r\n",
}

local function probes(path)
  local out = {}
  for line in io.lines(path) do
    local probe = json.decode(line)
    if type(probe.raw) == "string" then
      probe.raw = rebuilt[probe.id] or probe.raw:gsub("\194([\128-\191])", "%1")
      out[#out + 1] = probe
    end
  end
  return out
end

-- Refused by the parser, or, where a time-out is an answer too, not complete.
local function is_refused(probe, out)
  return out.verdict == "refused" or (out.verdict == "more" and probe.expected:find "timeout" ~= nil)
end

describe("Http11Probe", function()
  local path = parse.corpus "http11probe.jsonl"
  if not path then
    pending "not here: http11probe.jsonl"
    return
  end

  for _, probe in ipairs(probes(path)) do
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
