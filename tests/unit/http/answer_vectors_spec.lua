-- Response vectors that llhttp 9.4.2 publishes, with what it reports of each. The parser here is
-- built on 8.1: nothing may be accepted that 9.4.2 refuses, however the bytes are cut.
local answer = require "unit.http.answer"
local parse = require "unit.http.parse"
local json = require "dkjson"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

-- Statuses of the responses that 9.4.2 takes as complete; those of 1xx are not responses here.
local function statuses(log)
  local out, status = {}, nil
  for line in log:gmatch "[^\n]+" do
    status = tonumber(line:match "headers complete status=(%d+)") or status
    -- "finish=1": it is safe to end here, and that makes it complete.
    if (line:find("message complete", 1, true) or line:find("finish=1", 1, true)) and status and (status >= 200 or status == 101) then
      out[#out + 1] = status
    end
  end
  return out
end

local function vectors()
  local out = {}
  for _, vector in ipairs(json.decode(read(parse.corpus "llhttp_vectors.json"))) do
    local kind = vector.meta.type
    if kind == "response" or kind == "response-finish" then
      local raw = vector.raw:gsub("%x%x", function(hex) return string.char(tonumber(hex, 16)) end)
      out[#out + 1] = { name = vector.file:match "[^/]+$" .. ": " .. vector.title, raw = raw,
        complete = statuses(vector.log), ends = kind == "response-finish", to_head = vector.meta.skipBody,
        error = vector.log:match 'error code=%d+ reason="[^\n]*"' }
    end
  end
  return out
end

-- What 9.4.2 takes and is refused here on purpose.
local stricter = {
  -- They ask for an upgrade that was never offered.
  ["connection.md: HTTP 101 response with Upgrade and Content-Length header"] = true,
  ["connection.md: HTTP 101 response with Upgrade and Transfer-Encoding header"] = true,
  -- They have an empty line before a status line.
  ["connection.md: HTTP 304 with Content-Length"] = true,
  ["connection.md: HTTP 100 first, then 400"] = true,
  ["pipelining.md: Should parse multiple events"] = true,
  ["sample.md: Response starting with CRLF"] = true,
}

describe("response vectors of llhttp 9.4.2", function()
  if not parse.corpus "llhttp_vectors.json" then
    pending "not here: llhttp_vectors.json"
    return
  end

  for _, vector in ipairs(vectors()) do
    it(vector.name, function()
      local all = answer.all(vector.raw, { to_head = vector.to_head, ends = vector.ends })
      local taken = {}
      for _, one in ipairs(all) do
        taken[#taken + 1] = one.verdict == "complete" and one.status or nil
      end
      assert.is_true(#taken <= #vector.complete, vector.error)
      if stricter[vector.name] then
        assert.equal("refused", all[#all].verdict)
      else
        assert.same(vector.complete, taken, all[#all].message)
      end
    end)
  end
end)
