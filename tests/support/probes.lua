-- The requests that Http11Probe sends to servers, as recorded in a corpus that may stand beside the
-- checkout: a list of { id, desc, expected, raw }, or nil where it is missing.
local places = require "support.places"

local probes = {}

-- Where a corpus stands: a path, or nil.
function probes.corpus(name)
  local path = (os.getenv "MG_CORPORA" or places.checkout .. "/../shared/corpora") .. "/" .. name
  local file = io.open(path)
  if file then
    file:close()
  end
  return file and path
end

local host = "Host: localhost:8080\r\n"

-- The payloads that the recording cut or garbled, made again from their descriptions.
local rebuilt = {
  ["MAL-LONG-URL"] = "GET /" .. ("A"):rep(102400) .. " HTTP/1.1\r\n" .. host .. "\r\n",
  ["MAL-LONG-HEADER-VALUE"] = "GET / HTTP/1.1\r\n" .. host .. "X-Big: " .. ("B"):rep(102400) .. "\r\n\r\n",
  ["MAL-MANY-HEADERS"] = "GET / HTTP/1.1\r\n" .. host .. ("X-H: value\r\n"):rep(10000) .. "\r\n",
  ["MAL-LONG-HEADER-NAME"] = "GET / HTTP/1.1\r\n" .. host .. ("A"):rep(102400) .. ": v\r\n\r\n",
  ["MAL-LONG-METHOD"] = ("A"):rep(102400) .. " / HTTP/1.1\r\n" .. host .. "\r\n",
  ["MAL-NON-ASCII-HEADER-NAME"] = "GET / HTTP/1.1\r\n" .. host .. "X-T\195\171st: value\r\n\r\n",
  ["MAL-NON-ASCII-URL"] = "GET /caf\195\169 HTTP/1.1\r\n" .. host .. "\r\n",
  ["MAL-URL-OVERLONG-UTF8"] = "GET /\192\175 HTTP/1.1\r\n" .. host .. "\r\n",
  ["MAL-CONTROL-CHARS-HEADER"] = "GET / HTTP/1.1\r\n" .. host .. "X-Test: abc\7\8\128f\r\n\r\n",
  ["MAL-CHUNK-EXT-64K"] = "POST / HTTP/1.1\r\n" .. host .. "Transfer-Encoding: chunked\r\n\r\n5;ext=" ..
    ("a"):rep(65536) .. "\r\nhello\r\n0\r\n\r\n",
}

function probes.http11()
  local path = probes.corpus "http11probe.jsonl"
  if not path then
    return nil
  end
  local json = require "dkjson"
  local out = {}
  for line in io.lines(path) do
    local probe = json.decode(line)
    if type(probe.raw) == "string" then
      -- The text has a character for each byte.
      probe.raw = rebuilt[probe.id] or probe.raw:gsub("([\194\195])([\128-\191])", function(lead, tail)
        return string.char((lead:byte() - 194) * 64 + tail:byte())
      end)
      out[#out + 1] = probe
    end
  end
  return out
end

return probes
