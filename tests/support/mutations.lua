-- Requests that are a little, or very, wrong: mutations.bytes(seed, n) is the n-th of a seed, always the
-- same one. Each is one or two requests for /echo/..., changed in some places, then the request `last`,
-- which a server that has understood what came before answers, closing the connection.
local generator = require "support.random"

local mutations = {}

mutations.last = "GET /echo/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

local hidden = "GET /echo/hidden HTTP/1.1\r\nHost: a\r\n\r\n"

local function post(fields, body)
  return "POST /echo/post HTTP/1.1\r\nHost: a\r\n" .. fields .. "\r\n" .. body
end

local seeds = {
  "GET /echo/get HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /echo/query?a=1&b=%20c HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nX-Y: z\r\n\r\n",
  "GET http://a/echo/absolute HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /echo/old HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
  "DELETE /echo/delete HTTP/1.1\r\nHost: a\r\nCookie: a=b; c=d\r\n\r\n",
  "\r\nGET /echo/late HTTP/1.1\r\nHost: a\r\n\r\n",
  post("Content-Length: 5\r\n", "hello"),
  post("Content-Length: 0\r\n", ""),
  post("Content-Length: 41\r\nContent-Type: text/plain\r\n", hidden),
  post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
  post("Transfer-Encoding: chunked\r\n", "5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n"),
  post("Transfer-Encoding: chunked\r\n", "29\r\n" .. hidden .. "\r\n0\r\n\r\n"),
  post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG"),
  post("Connection: close, X-Y\r\nX-Y: z\r\nContent-Length: 5\r\n", "hello"),
  post("Expect: 100-continue\r\nContent-Length: 5\r\n", "hello"),
  "PUT /echo/put HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX-Long: " .. ("v"):rep(200) .. "\r\n\r\nabc",
  "OPTIONS /echo/options HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /echo/body HTTP/1.1\r\nHost: a\r\nContent-Length: 41\r\n\r\n" .. hidden,
}

local lines = {
  "Transfer-Encoding: chunked", "Transfer-Encoding : chunked", "Transfer-Encoding:\tchunked", "Transfer-Encoding: xchunked",
  "Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity", "Transfer-Encoding:", "Transfer_Encoding: chunked",
  "tRANSFER-eNCODING: CHUNKED", " Transfer-Encoding: chunked", "Content-Length: 5", "Content-Length: 05", "Content-Length: +5",
  "Content-Length: 5, 5", "Content-Length: 0x5", "Content-Length: 41", "Content-Length: 18446744073709551621",
  "Content-Length:\11 5", "Content_Length: 5", "Host: b", "Host: a, b", "Connection: close", "Connection: Content-Length",
  "Connection: Transfer-Encoding", "Expect: 100-continue", "Upgrade: h2c", "TE: trailers", "Trailer: Content-Length",
  ": empty", "X\rY: z", "X: y\n\r\nGET /echo/lf HTTP/1.1", "X: y\rTransfer-Encoding: chunked", "0", "0\r\n", "5\r\nhello", hidden,
}

local bytes = { "\0", "\r", "\n", "\t", "\11", "\12", " ", ":", ";", ",", "+", "-", "_", "0", "9", "a", "\127", "\128", "\255",
  "\r\n", "\n\r", "\r\r\n", "\r\n ", "\r\n\r\n", "\n\n", "0x", "%0d%0a", "%00", "HTTP/1.1", "chunked" }

local function cut(text, from, to, with)
  return text:sub(1, from - 1) .. with .. text:sub(to + 1)
end

-- The places where lines begin.
local function starts(text)
  local list = { 1 }
  for at in text:gmatch "\r\n()" do
    list[#list + 1] = at
  end
  return list
end

local function line_at(text, random)
  local list = starts(text)
  local i = random(#list)
  return list[i], (list[i + 1] or #text + 1) - 1
end

local changes = {
  function(text, random) -- a byte that matters somewhere is put in
    local at = random(#text + 1)
    return cut(text, at, at - 1, bytes[random(#bytes)])
  end,
  function(text, random) -- or takes the place of another
    local at = random(#text)
    return cut(text, at, at, bytes[random(#bytes)])
  end,
  function(text, random)
    local at = random(#text)
    return cut(text, at, at, string.char(random(256) - 1))
  end,
  function(text, random)
    local at = random(#text)
    return cut(text, at, math.min(at + random(3) - 1, #text), "")
  end,
  function(text, random) -- at the edge of a line, where it matters most
    local at = line_at(text, random)
    return cut(text, at, at - 1, bytes[random(#bytes)])
  end,
  function(text, random) -- a line is put in, left out, said twice
    local at = line_at(text, random)
    return cut(text, at, at - 1, lines[random(#lines)] .. "\r\n")
  end,
  function(text, random)
    local from, to = line_at(text, random)
    return cut(text, from, to, "")
  end,
  function(text, random)
    local from, to = line_at(text, random)
    return cut(text, from, from - 1, text:sub(from, to))
  end,
  function(text, random) -- one end of a line is another
    local list = starts(text)
    local at = list[random(#list)]
    return at > 2 and cut(text, at - 2, at - 1, ({ "\n", "\r", "\n\r", "", " \r\n", "\r\n " })[random(6)]) or text
  end,
  function(text, random) -- a number is another
    local list = {}
    for from, to in text:gmatch "()%d+()" do
      list[#list + 1] = { from, to - 1 }
    end
    local one = list[random(#list)]
    return one and cut(text, one[1], one[2], tostring(random(60) - 1)) or text
  end,
  function(text, random) -- it ends too early
    return text:sub(1, random(#text))
  end,
}

function mutations.bytes(seed, n)
  local random = generator(seed * 1000003 + n)
  local text = seeds[random(#seeds)]
  if random(3) == 1 then
    text = text .. seeds[random(#seeds)]
  end
  for _ = 1, random(random(3)) do
    text = changes[random(#changes)](text ~= "" and text or " ", random)
  end
  return text .. mutations.last
end

return mutations
