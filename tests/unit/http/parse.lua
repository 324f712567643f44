-- Drives the request parser over bytes as a connection would, for the specs beside it.
local assert = require "luassert"
local core = require "support.core"
local C = core.cdef("http/request_parser.h", "data/method.h")
local ffi = require "ffi"

local parse = {}

parse.limits = { target = 8192, header = 16384, count = 100, trailer = 16384, extensions = 1024 }

-- What a parser says of what it was fed.
parse.words = {
  [tonumber(C.MG_PARSE_MORE)] = "more", [tonumber(C.MG_PARSE_HEAD)] = "head",
  [tonumber(C.MG_PARSE_DATA)] = "data", [tonumber(C.MG_PARSE_COMPLETE)] = "complete",
  [tonumber(C.MG_PARSE_REFUSED)] = "refused",
}

-- Header fields as lines.
function parse.fields(items, count)
  local out = {}
  for i = 0, count - 1 do
    local item = items[i]
    out[#out + 1] = core.text(item.name) .. ": " .. (core.text(item.value) or "")
  end
  return out
end

-- What the parser made of one request, as Lua values.
local function describe(run)
  local parser, request = run.parser, run.request
  local out = { verdict = run.verdict, body = table.concat(run.data), head = run.head,
                started = C.mg_request_parser_started(parser) }
  if run.head then
    out.method = ffi.string(C.mg_method_word(request.method))
    for _, name in ipairs { "target", "path", "query", "host", "id" } do
      out[name] = core.text(request[name]) or ""
    end
    out.old, out.has_body = request.old, request.has_body
    local head, tail = request.headers, request.trailers
    out.headers, out.trailers = parse.fields(head.items, head.count), parse.fields(tail.items, tail.count)
    out.keep_alive = C.mg_request_parser_keep_alive(parser)
    out.expects = C.mg_request_parser_expects(parser)
    out.length = tonumber(C.mg_request_parser_length(parser))
  end
  if run.verdict == "refused" then
    local detail = ffi.new "const char *[1]"
    out.status = C.mg_request_parser_refusal(parser, detail)
    out.detail = ffi.string(detail[0])
  end
  return out
end

-- Feeds one slice to its end or to the request's, and returns what is left of it. Every slice is
-- memory of its own that goes away, so that nothing of the request may point into it.
local function feed(run, slice)
  local input, data = core.str(slice), ffi.new "struct mg_str"
  local bytes = input.data
  repeat
    local before = input.len
    run.verdict = parse.words[tonumber(C.mg_request_parser_feed(run.parser, input, data))]
    if run.verdict == "head" then
      run.head = true
    elseif run.verdict == "data" then
      run.data[#run.data + 1] = ffi.string(data.data, data.len)
    end
    assert(input.len <= before)
  until run.verdict == "complete" or run.verdict == "refused" or run.verdict == "more"
  assert(run.verdict ~= "more" or input.len == 0, "MORE with bytes left")
  local rest = slice:sub(tonumber(input.data - bytes) + 1)
  ffi.fill(ffi.cast("char *", bytes), #slice, 0x58)
  return rest
end

-- Parses the requests of `bytes`, fed in slices of `size` (whole when nil), up to one that closes the
-- connection; `limits` overrides single limits. Returns a list of what each became: the last may be
-- "more" or "refused".
function parse.all(bytes, size, limits)
  local all = ffi.new "struct mg_request_limits"
  for name, value in pairs(parse.limits) do
    all[name] = limits and limits[name] or value
  end
  local parser = ffi.gc(C.mg_request_parser_new(all), C.mg_request_parser_free)
  local run, out, ended = nil, {}, false
  local function begin()
    local request = ffi.gc(C.mg_request_new(nil), C.mg_request_free)
    C.mg_request_parser_begin(parser, request)
    run = { parser = parser, request = request, data = {}, verdict = "more" }
  end
  begin()
  for from = 1, #bytes, size or math.max(#bytes, 1) do
    local slice = bytes:sub(from, size and from + size - 1 or -1)
    while #slice > 0 and run.verdict ~= "refused" and not ended do
      slice = feed(run, slice)
      if run.verdict == "complete" then
        out[#out + 1] = describe(run)
        ended = not out[#out].keep_alive
        begin()
      end
    end
  end
  if run.verdict == "refused" or C.mg_request_parser_started(parser) or #out == 0 then
    out[#out + 1] = describe(run)
  end
  return out
end

-- What becomes of a request whose bytes come in two pieces, with other limits for the second.
function parse.lowered(first, second, limits)
  local all = ffi.new("struct mg_request_limits", parse.limits)
  local parser = ffi.gc(C.mg_request_parser_new(all), C.mg_request_parser_free)
  local request = ffi.gc(C.mg_request_new(nil), C.mg_request_free)
  C.mg_request_parser_begin(parser, request)
  local run = { parser = parser, request = request, data = {} }
  local function feed_all(slice)
    while #slice > 0 and run.verdict ~= "refused" do
      slice = feed(run, slice)
    end
  end
  feed_all(first)
  assert.equal("more", run.verdict)
  for name, value in pairs(limits) do
    all[name] = value
  end
  feed_all(second)
  return describe(run)
end

-- The same for bytes whole, byte by byte and in slices of 7: they must agree in everything.
function parse.same(bytes, limits)
  local whole = parse.all(bytes, nil, limits)
  assert.same(whole, parse.all(bytes, 1, limits))
  assert.same(whole, parse.all(bytes, 7, limits))
  return whole
end

-- The first request of `bytes`.
function parse.one(bytes, limits)
  return parse.same(bytes, limits)[1]
end

-- A GET with these field lines, each without its line end.
function parse.get(...)
  return parse.one(table.concat({ "GET / HTTP/1.1", "Host: a", ... }, "\r\n") .. "\r\n\r\n")
end

-- A chunked POST with these bytes as its body.
function parse.chunked(body, limits)
  return parse.one("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" .. body, limits)
end

parse.corpus = require("support.probes").corpus

return parse
