-- Drives the response parser over bytes as a connection would, for the specs beside it.
local assert = require "luassert"
local core = require "support.core"
local C = core.cdef("http/response_parser.h")
local ffi = require "ffi"
local reading = require "unit.http.parse"

local answer = {}

-- Feeds one slice to its end or to the response's, and returns what is left of it. Every slice is
-- memory of its own that goes away, so that nothing may be kept of it.
local function feed(run, slice)
  local input = core.str(slice)
  local bytes = input.data
  local response = run.response
  repeat
    run.verdict = reading.words[tonumber(C.mg_response_parser_feed(run.parser, input, response))]
    if run.verdict == "head" then
      run.status, run.fields = response.status, reading.fields(response.fields, response.count)
    elseif run.verdict == "data" then
      assert.is_true(response.data.len > 0)
      run.data[#run.data + 1] = ffi.string(response.data.data, response.data.len)
    end
  until run.verdict == "complete" or run.verdict == "refused" or run.verdict == "more"
  assert(run.verdict ~= "more" or input.len == 0, "MORE with bytes left")
  local rest = slice:sub(tonumber(input.data - bytes) + 1)
  ffi.fill(ffi.cast("char *", bytes), #slice, 0x58)
  return rest
end

local function describe(run)
  local out = { verdict = run.verdict, status = run.status, fields = run.fields, body = table.concat(run.data) }
  if run.verdict == "complete" then
    out.keep_alive = C.mg_response_parser_keep_alive(run.parser)
  elseif run.verdict == "refused" then
    local message = ffi.new "const char *[1]"
    out.error = ffi.string(C.mg_status_word(C.mg_response_parser_error(run.parser, message)))
    out.message = ffi.string(message[0])
  end
  return out
end

-- Parses the responses of `bytes`, fed in slices of `size` (whole when nil), up to one after which
-- the connection is not kept. Options: `header` (limit, 65536), `to_head`, `ends`: the connection
-- ends after the bytes. Returns a list of what each became; the last may be "more" or "refused".
local function parse(bytes, size, options)
  local parser = ffi.gc(C.mg_response_parser_new(), C.mg_response_parser_free)
  local run, out, ended = nil, {}, false
  local function begin()
    C.mg_response_parser_begin(parser, options.to_head or false, options.header or 65536)
    run = { parser = parser, response = ffi.new "struct mg_response", data = {}, verdict = "more" }
  end
  local function finish()
    out[#out + 1] = describe(run)
    ended = not out[#out].keep_alive
    begin()
  end
  begin()
  for from = 1, #bytes, size or math.max(#bytes, 1) do
    local slice = bytes:sub(from, size and from + size - 1 or -1)
    while #slice > 0 and not ended do
      slice = feed(run, slice)
      if run.verdict ~= "more" then
        finish()
      end
    end
  end
  if not ended and options.ends then
    run.verdict = C.mg_response_parser_finish(parser) and "complete" or "refused"
    finish()
  elseif not ended and (run.status or #out == 0) then
    out[#out + 1] = describe(run)
  end
  return out
end

-- Bytes whole, byte by byte and in slices of 7: they must agree in everything.
function answer.all(bytes, options)
  local whole = parse(bytes, nil, options or {})
  assert.same(whole, parse(bytes, 1, options or {}))
  assert.same(whole, parse(bytes, 7, options or {}))
  return whole
end

function answer.one(bytes, options)
  return answer.all(bytes, options)[1]
end

return answer
