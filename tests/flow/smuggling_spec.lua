-- Requests made to be read differently by two servers, through a route that forwards all it can: the
-- backend gets exactly one request for each that was answered, and no byte of it is raw.
local faultd = require "support.faultd"
local figure = require "support.figure"
local gateway = require "support.gateway"
local http = require "support.http"
local wait = require "support.wait"

local routes = [[
  local gate = require "moongate"
  local backend = gate.service "backend"
  local all = { headers = "*", query = "*" }
  gate.get("/f/{x}", { calls = { c = backend:get("/echo/{x}", { forward = all }) }, reply = {} })
  gate.post("/f/{x}", { calls = { c = backend:post("/echo/{x}", { forward = all, text = "b" }) },
    reply = {} })
  gate.put("/f/{x}", function(req)
    local path = { x = req.params.x }
    backend:put("/echo/{x}", { params = path, forward = all, text = req.text }):wait()
    return "done"
  end)
]]

-- `@` stands for the path of the payload's own request, `~` for that of one that it hides; 000 for the
-- payload's number.
local hidden = "GET /f/000b HTTP/1.1\r\nHost: a\r\n\r\n"
local cases = {}

-- A payload of which at most `most` requests may be executed.
local function case(most, name, bytes)
  cases[#cases + 1] = { most = most, name = name, bytes = bytes }
end

local function post(fields, body)
  return "POST @ HTTP/1.1\r\nHost: a\r\n" .. fields .. "\r\n" .. body
end

-- Lengths and codings together, or more than one of them.
local chunked_hidden = "0\r\n\r\n" .. hidden
for name, fields in pairs {
  ["length, then chunked"] = "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
  ["chunked, then length"] = "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
  ["chunked twice"] = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
  ["chunked and identity"] = "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
  ["chunked, chunked"] = "Transfer-Encoding: chunked, chunked\r\n",
  ["identity, chunked"] = "Transfer-Encoding: identity, chunked\r\n",
  ["chunked, identity"] = "Transfer-Encoding: chunked, identity\r\n",
  ["a comma before chunked"] = "Transfer-Encoding: ,chunked\r\n",
  ["a comma behind chunked"] = "Transfer-Encoding: chunked,\r\n",
  ["xchunked"] = "Transfer-Encoding: xchunked\r\n",
  ["chunked in quotes"] = 'Transfer-Encoding: "chunked"\r\n',
  ["chunked with a parameter"] = "Transfer-Encoding: chunked;q=1\r\n",
  ["chunked behind a tab of its line"] = "Transfer-Encoding:\tchunked\r\nContent-Length: 6\r\n",
  ["chunked behind a vertical tab"] = "Transfer-Encoding: \11chunked\r\n",
  ["chunked before a NUL"] = "Transfer-Encoding: chunked\0\r\n",
  ["chunked with a byte beyond ASCII"] = "Transfer-Encoding: \255chunked\r\n",
  ["chunked on a folded line"] = "Transfer-Encoding:\r\n chunked\r\n",
  ["chunked with a space before the colon"] = "Transfer-Encoding : chunked\r\n",
  ["chunked with a tab before the colon"] = "Transfer-Encoding\t: chunked\r\n",
  ["chunked in a name with a space before it"] = " Transfer-Encoding: chunked\r\n",
  ["chunked in a name with an underscore"] = "Transfer_Encoding: chunked\r\nContent-Length: 6\r\n",
  ["chunked behind a bare CR"] = "X: y\rTransfer-Encoding: chunked\r\n",
  ["chunked behind a bare LF"] = "X: y\nTransfer-Encoding: chunked\r\n",
  ["chunked behind LF CR"] = "X: y\n\rTransfer-Encoding: chunked\r\n",
  ["chunked behind an empty name"] = ": x\r\nTransfer-Encoding: chunked\r\n",
  ["a coding that is empty"] = "Transfer-Encoding:\r\nContent-Length: 6\r\n",
  ["two lengths that differ"] = "Content-Length: 0\r\nContent-Length: 6\r\n",
  ["two lengths in one field"] = "Content-Length: 0, 6\r\n",
  ["a length with a sign"] = "Content-Length: +6\r\n",
  ["a negative length"] = "Content-Length: -6\r\n",
  ["a length in hex"] = "Content-Length: 0x6\r\n",
  ["a length with a space inside"] = "Content-Length: 0 6\r\n",
  ["a length with an underscore"] = "Content-Length: 0_6\r\n",
  ["a length with a point"] = "Content-Length: 6.0\r\n",
  ["a length with a NUL"] = "Content-Length: 6\0\r\n",
  ["a length that is empty"] = "Content-Length:\r\n",
  ["a length on a folded line"] = "Content-Length:\r\n 6\r\n",
  ["a length beyond 64 bits"] = "Content-Length: 18446744073709551622\r\n",
  ["a length with a space before the colon"] = "Content-Length : 6\r\n",
  ["a length behind a bare CR"] = "X: y\rContent-Length: 6\r\n",
} do
  case(0, name, post(fields, chunked_hidden))
end

-- Chunks.
for name, body in pairs {
  ["a chunk size with a sign"] = "+5\r\nhello\r\n" .. chunked_hidden,
  ["a chunk size in 0x"] = "0x5\r\nhello\r\n" .. chunked_hidden,
  ["a chunk size with a space before it"] = " 5\r\nhello\r\n" .. chunked_hidden,
  ["a chunk size with a space behind it"] = "5 \r\nhello\r\n" .. chunked_hidden,
  ["a chunk size with an underscore"] = "0_5\r\nhello\r\n" .. chunked_hidden,
  ["a chunk size beyond 64 bits"] = "10000000000000005\r\nhello\r\n" .. chunked_hidden,
  ["a chunk size of 17 zeroes"] = "00000000000000005\r\nhello\r\n" .. chunked_hidden,
  ["a chunk size that is negative"] = "-1\r\nhello\r\n" .. chunked_hidden,
  ["a chunk size that is empty"] = "\r\nhello\r\n" .. chunked_hidden,
  ["a chunk size with an empty extension"] = "5;\r\nhello\r\n" .. chunked_hidden,
  ["a chunk size ended by LF"] = "5\nhello\r\n" .. chunked_hidden,
  ["a chunk size ended by CR"] = "5\rhello\r\n" .. chunked_hidden,
  ["a chunk extension ended by LF"] = "5;a=b\nhello\r\n" .. chunked_hidden,
  ["a chunk extension with a CR"] = "5;a=\rb\r\nhello\r\n" .. chunked_hidden,
  ["a chunk extension with a NUL"] = "5;a=\0b\r\nhello\r\n" .. chunked_hidden,
  ["chunk data that is longer"] = "5\r\nhelloXX" .. chunked_hidden,
  ["chunk data without an end"] = "5\r\nhello" .. chunked_hidden,
  ["chunk data ended by LF"] = "5\r\nhello\n" .. chunked_hidden,
  ["chunk data ended by a CR and a byte"] = "5\r\nhello\rX0\r\n\r\n" .. hidden,
  ["a last chunk ended by LF"] = "0\n\r\n" .. hidden,
  ["trailers ended by LF"] = "0\r\n\n" .. hidden,
  ["a trailer that folds"] = "0\r\nX: y\r\n z\r\n\r\n" .. hidden,
  ["a trailer without a colon"] = "0\r\n" .. hidden,
} do
  case(0, name, post("Transfer-Encoding: chunked\r\n", body))
end

-- Heads.
for name, head in pairs {
  ["a header section ended by CR and a byte"] = "GET @ HTTP/1.1\r\nHost: a\r\n\rX" .. hidden,
  ["a header section ended by LF LF"] = "GET @ HTTP/1.1\r\nHost: a\n\n" .. hidden,
  ["a request line ended by LF"] = "GET @ HTTP/1.1\nHost: a\r\n\r\n" .. hidden,
  ["a request line ended by CR"] = "GET @ HTTP/1.1\rHost: a\r\n\r\n" .. hidden,
  ["a request in the target"] = "GET @ HTTP/1.1 ~ HTTP/1.1\r\nHost: a\r\n\r\n",
  ["a tab in the request line"] = "GET\t@\tHTTP/1.1\r\nHost: a\r\n\r\n",
  ["two spaces in the request line"] = "GET  @ HTTP/1.1\r\nHost: a\r\n\r\n",
  ["a target with LF"] = "GET @\n HTTP/1.1\r\nHost: a\r\n\r\n",
  ["a target with NUL"] = "GET @\0 HTTP/1.1\r\nHost: a\r\n\r\n",
  ["two hosts"] = "GET @ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
  ["two hosts in one field"] = "GET @ HTTP/1.1\r\nHost: a, b\r\n\r\n",
  ["a host with a path"] = "GET @ HTTP/1.1\r\nHost: a/~\r\n\r\n",
  ["a host with a user"] = "GET @ HTTP/1.1\r\nHost: u@a\r\n\r\n",
  ["a folded host"] = "GET @ HTTP/1.1\r\nHost:\r\n a\r\n\r\n",
  ["a value with a bare CR"] = "GET @ HTTP/1.1\r\nHost: a\r\nX: y\rEvil: z\r\n\r\n",
  ["a value with a bare LF"] = "GET @ HTTP/1.1\r\nHost: a\r\nX: y\nEvil: z\r\n\r\n",
  ["a value with a NUL"] = "GET @ HTTP/1.1\r\nHost: a\r\nX: y\0z\r\n\r\n",
  ["a name with a CR"] = "GET @ HTTP/1.1\r\nHost: a\r\nX\rEvil: y\r\n\r\n",
  ["HTTP/1.0 with chunks"] = "POST @ HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" ..
    chunked_hidden,
  ["HTTP/0.9"] = "GET @\r\n" .. hidden,
  ["HTTP/2's preface"] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" .. hidden,
  ["CONNECT"] = "CONNECT @ HTTP/1.1\r\nHost: a\r\n\r\n" .. hidden,
} do
  case(0, name, head)
end

-- What is sound, and must be read in one way only.
case(1, "a body that looks like a request", post("Content-Length: " .. #hidden .. "\r\n", hidden))
case(2, "a body, then a request", post("Content-Length: 5\r\n", "hello" .. hidden))
case(2, "no body, then a request", post("Content-Length: 0\r\n", hidden))
case(2, "chunks, then a request", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n" .. chunked_hidden))
case(1, "a chunk that looks like a request", post("Transfer-Encoding: chunked\r\n",
  ("%x\r\n%s\r\n0\r\n\r\n"):format(#hidden, hidden)))
case(2, "CHUNKED in capitals", post("TRANSFER-ENCODING: CHUNKED\r\n", chunked_hidden))
case(2, "trailers that would frame", post("Transfer-Encoding: chunked\r\n",
  "0\r\nContent-Length: 50\r\nTransfer-Encoding: chunked\r\nHost: b\r\n\r\n" .. hidden))
case(2, "GET with a body, then a request",
  "GET @ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" .. hidden)
case(1, "Connection: close before a request", post("Connection: close\r\nContent-Length: 0\r\n", hidden))
case(2, "an upgrade that is not taken up",
  "GET @ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" .. hidden)
case(2, "framing named as hop-by-hop", post("Connection: Content-Length, Host\r\nContent-Length: 5\r\n",
  "hello" .. hidden))
case(1, "escaped line ends in path and query", "GET @?a=%0d%0aEvil:%20x%0d%0a%0d%0a" ..
  "GET%20/f/evil%20HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n")
case(0, "an escaped NUL in the query", "GET @?a=%00 HTTP/1.1\r\nHost: a\r\n\r\n")
case(0, "an escaped NUL in the path", "GET @%00 HTTP/1.1\r\nHost: a\r\n\r\n")
case(1, "escaped line ends in the path", "GET @%0d%0aEvil:x HTTP/1.1\r\nHost: a\r\n\r\n")
case(1, "a length with zeroes before it", post("Content-Length: 0005\r\n", "hello"))
case(1, "a body with all bytes", "PUT @ HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n\r\n\0\r\n\r\n")
case(1, "headers that only the gateway says", post("Content-Length: 0\r\nTE: trailers\r\n" ..
  "Keep-Alive: 5\r\nProxy-Connection: close\r\nX-Forwarded-For: evil\r\nTrailer: X\r\n", ""))

-- What is wrong with the bytes of a request that the backend got, or nil.
local function unsound(raw)
  local head, body = raw:match "^(.-\r\n)\r\n(.*)$"
  if not head then
    return "no end of the head"
  end
  local line, rest = head:match "^([^\r\n]*)\r\n(.*)$"
  if not line:find "^%u+ /echo/[%w%%][!-~]* HTTP/1%.1$" then
    return "the request line " .. line
  end
  local seen = {}
  for field in rest:gmatch "(.-)\r\n" do
    local name, value = field:match "^([%w!#$%%&'*+.^`|~-]+): ?([^%c]*)$"
    if not name then
      return "the field " .. field
    end
    name = name:lower()
    seen[name] = (seen[name] or 0) + 1
    if name == "content-length" and tonumber(value) ~= #body then
      return "Content-Length: " .. value .. " for " .. #body .. " bytes"
    end
  end
  for _, name in ipairs { "transfer-encoding", "te", "upgrade", "keep-alive", "proxy-connection", "evil",
    "trailer" } do
    if seen[name] then
      return "the field " .. name
    end
  end
  if seen.host ~= 1 or (seen["content-length"] or 0) > 1 or (body ~= "" and not seen["content-length"]) then
    return "no clear framing"
  end
end

describe("a payload that two servers could read differently", function()
  local g, backend

  setup(function()
    backend = faultd.start()
    g = gateway.start({
      ["gateway.lua"] = { services = { backend = backend.url },
        limits = { header_within = "500ms", body_idle = "500ms", idle = "500ms", linger = "100ms" } },
      ["routes.lua"] = routes,
    }, { workers = 2 })
  end)

  teardown(function()
    gateway.clean()
    faultd.clean()
  end)

  -- Sends all payloads, each on a connection of its own; how many replies said that it was executed.
  local function send_all(slice)
    return wait.at_once(#cases, function(i)
      local c = g:connect()
      local bytes = cases[i].bytes:gsub("[@~]", { ["@"] = "/f/000a", ["~"] = "/f/000b" })
      c:send((bytes:gsub("/f/000", ("/f/%03d"):format(i))), slice)
      local executed, reply = 0, c:read()
      while reply do
        executed = executed + (reply.status < 300 and 1 or 0)
        reply = c:read()
      end
      c:close()
      return executed
    end)
  end

  for _, slice in ipairs { 1000000, 11 } do
    it(("makes as many calls as it gets replies (%d bytes at a time)"):format(slice), function()
      assert.is_true(#cases >= 60)
      local beyond, wrong = 0, {}
      local ok, why = pcall(wait.in_time, function() -- who is stopped may send too late
        backend:reset()
        local executed, record, got = send_all(slice), backend:record(), {}
        for _, entry in ipairs(record.log) do
          local i = tonumber(entry.raw:match "^%u+ /echo/(%d+)")
          local what = unsound(entry.raw) or (not i and "no payload's" or nil)
          wrong[#wrong + 1] = what and { what, entry.raw } or nil
          got[i or 0] = (got[i or 0] or 0) + 1
        end
        for i, one in ipairs(cases) do
          beyond = beyond + math.max(0, (got[i] or 0) - one.most)
        end
        for i, one in ipairs(cases) do
          local place = one.name .. ":\n" .. one.bytes
          assert.same({ executed[i], one.most }, { got[i] or 0, executed[i] }, place)
        end
      end)
      assert.same({}, wrong) -- never
      figure.is(3, ("executed beyond what was sent, of %d payloads"):format(#cases), beyond, 0)
      if not ok then
        error(why, 0)
      end
      assert.equal(200, http.get(g.port, "/f/sound").status)
    end)
  end
end)
