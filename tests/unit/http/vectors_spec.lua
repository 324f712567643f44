-- Request vectors that llhttp 9.4.2 publishes, with what it reports of each. The parser here is
-- built on 8.1: nothing may be accepted that 9.4.2 refuses, however the bytes are cut.
local figure = require "support.figure"
local parse = require "unit.http.parse"
local json = require "dkjson"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function vectors()
  local out = {}
  for _, vector in ipairs(json.decode(read(parse.corpus "llhttp_vectors.json"))) do
    if vector.meta.type == "request" then
      local raw = vector.raw:gsub("%x%x", function(hex) return string.char(tonumber(hex, 16)) end)
      -- One recording runs on into the next vector, whose log it has.
      raw = raw:match "```http\r\n(.*)$" or raw
      local _, count = vector.log:gsub("message complete", "")
      out[#out + 1] = { name = vector.file:match "[^/]+$" .. ": " .. vector.title, raw = raw,
        complete = count,
                        skips = vector.meta.skipBody,
                        error = vector.log:match 'error code=%d+ reason="[^\n]*"' }
    end
  end
  return out
end

-- Most vectors have no Host, for which alone they would be refused here: then they get one, so that
-- what they are about is judged too.
local function with_host(raw)
  return raw:lower():find("\nhost:", 1, true) and
    raw or raw:gsub("HTTP/1%.(%d)\r\n", "HTTP/1.%1\r\nHost: a\r\n")
end

local function completed(raw)
  local count = 0
  local out = parse.same(raw)
  for _, request in ipairs(out) do
    count = count + (request.verdict == "complete" and 1 or 0)
  end
  return count, out[#out]
end

-- What 9.4.2 takes and is refused here on purpose, with the status it is answered.
local stricter = {
  ["method.md: REPORT request"] = 501, ["method.md: M-SEARCH request"] = 501,
  ["method.md: PURGE request"] = 501, ["method.md: SEARCH request"] = 501,
  ["method.md: LINK request"] = 501, ["method.md: QUERY request"] = 501,
  ["method.md: SOURCE request"] = 501, ["method.md: SOURCE request with ICE"] = 400,
  ["method.md: OPTIONS request with RTSP"] = 400, ["method.md: ANNOUNCE request with RTSP"] = 400,
  ["sample.md: No HTTP version"] = 400,
  -- Their Host is "0.0.0.0=5000".
  ["sample.md: curl GET"] = 400, ["sample.md: Firefox GET"] = 400,
  -- Their target has a fragment.
  ["transfer-encoding.md: POST with `chunked` as last transfer-encoding"] = 400,
  ["transfer-encoding.md: POST with `chunked` as last transfer-encoding (multiple headers)"] = 400,
  ["uri.md: Fragment in URI"] = 400, ["uri.md: `host:port` and basic auth"] = 400,
}

describe("request vectors of llhttp 9.4.2", function()
  if not parse.corpus "llhttp_vectors.json" then
    pending "not here: llhttp_vectors.json"
    return
  end

  local all, beyond = vectors(), 0
  for _, vector in ipairs(all) do
    it(vector.name, function()
      beyond = beyond + math.max(0, (completed(vector.raw)) - vector.complete)
      assert.is_true(completed(vector.raw) <= vector.complete, vector.error)
      local count, last = completed(with_host(vector.raw))
      assert.is_true(count <= vector.complete, vector.error)
      if stricter[vector.name] then
        assert.equal(stricter[vector.name], last.status, last.detail)
      elseif not vector.error and not vector.skips then
        assert.equal(vector.complete, count, last.detail)
      end
    end)
  end

  it("are none of them taken that it refuses", function()
    figure.is(5, ("accepted beyond 9.4.2, of %d vectors"):format(#all), beyond, 0)
  end)
end)
