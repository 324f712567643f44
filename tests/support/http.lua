-- An HTTP/1.1 client for tests, on a bare socket: it sends exactly the bytes it is given, says
-- exactly what came back and when, and never waits for ever. Inside wait.at_once many run together.
--   local reply = http.get(port, "/account/42")
--   local c = http.connect(port); c:send "GET / HTTP/1.1\r\n"; ...; c:read(); c:close()
local posix = require "support.posix"
local wait = require "support.wait"

local http = { within = 10000 } -- ms for each wait, times wait.slack
local conn = {}
conn.__index = conn

local function deadline(within)
  return posix.now() + (within or http.within) * wait.slack
end

-- options: host, within, receive_room (bytes of the kernel's buffer), from (an address to come from).
-- Nil and why when it fails.
function http.try_connect(port, options)
  options = options or {}
  local fd, why = posix.connect(options.host or "127.0.0.1", port, options.receive_room, options.from)
  if not fd then
    return nil, why
  end
  if not wait.writable(fd, deadline(options.within)) then
    why = "timeout"
  else
    why = posix.socket_error(fd)
  end
  if why then
    posix.close(fd)
    return nil, why
  end
  return setmetatable({ fd = fd, port = port, buffer = "", at = posix.now() }, conn)
end

function http.connect(port, options)
  local self, why = http.try_connect(port, options)
  if not self then
    error(("cannot connect to %s: %s"):format(options and options.host or port, why), 2)
  end
  return self
end

-- Sends bytes; `slice`: so many at a time, each in a segment of its own, `pause` ms (default 0)
-- after each. True, or nil and "reset" or "timeout".
function conn:send(bytes, slice, pause)
  local at, limit = 0, deadline()
  while at < #bytes do
    local stop = slice and math.min(at + slice, #bytes) or #bytes
    local sent, why = posix.send(self.fd, stop < #bytes and bytes:sub(1, stop) or bytes, at)
    if sent then
      at = at + sent
      if slice and at < #bytes and at == stop then
        wait.sleep(pause or 0)
      end
    elseif why ~= "again" then
      return nil, why
    elseif not wait.writable(self.fd, limit) then
      return nil, "timeout"
    end
  end
  return true
end

-- Reads and forgets bytes until there were `count` of them, or none come any more: how many, and why
-- no more ("closed", "reset", "timeout").
function conn:drop(count, within)
  local had, limit = #self.buffer, deadline(within)
  self.buffer = ""
  while had < count do
    local got, why = posix.drop(self.fd)
    if got and got > 0 then
      had = had + got
    elseif got or why ~= "again" then
      self.over = got and "closed" or why
      return had, self.over
    elseif not wait.readable(self.fd, limit) then
      return had, "timeout"
    end
  end
  return had
end

-- Takes in what has come or comes; nil and "closed", "reset" or "timeout" when nothing does.
function conn:more(limit)
  if self.over then
    return nil, self.over
  end
  while true do
    local bytes, why = posix.read(self.fd)
    if bytes and bytes ~= "" then
      self.buffer = self.buffer .. bytes
      return true
    end
    if not bytes and why == "again" then
      if not wait.readable(self.fd, limit) then
        return nil, "timeout"
      end
    else
      self.over = bytes and "closed" or why
      return nil, self.over
    end
  end
end

local function take(self, count)
  local bytes = self.buffer:sub(1, count)
  self.buffer = self.buffer:sub(count + 1)
  return bytes
end

local function take_count(self, count, limit)
  local parts, have = {}, 0
  while have < count do
    if self.buffer == "" then
      local ok, why = self:more(limit)
      if not ok then
        return nil, why, table.concat(parts)
      end
    end
    local part = take(self, count - have)
    parts[#parts + 1] = part
    have = have + #part
  end
  return table.concat(parts)
end

local function take_line(self, limit)
  local from = 1
  while true do
    local stop = self.buffer:find("\r\n", from, true)
    if stop then
      return take(self, stop + 1):sub(1, -3)
    end
    from = math.max(#self.buffer, 1)
    local ok, why = self:more(limit)
    if not ok then
      return nil, why
    end
  end
end

-- Lines up to the empty one into fields ({ name, value } as they came) and headers (lower-case
-- name -> value, repeated ones joined with ", ").
local function take_fields(self, limit)
  local fields, headers = {}, {}
  while true do
    local line, why = take_line(self, limit)
    if not line then
      return nil, why
    end
    if line == "" then
      return fields, headers
    end
    local name, value = line:match "^([^:%s]+):[ \t]*(.-)[ \t]*$"
    if not name then
      return nil, "malformed field: " .. line
    end
    fields[#fields + 1] = { name, value }
    local key = name:lower()
    headers[key] = headers[key] and headers[key] .. ", " .. value or value
  end
end

local function take_chunked(self, reply, limit)
  local parts = {}
  while true do
    local line, why = take_line(self, limit)
    local size = line and tonumber(line:match "^(%x+)", 16)
    if not size then
      return nil, why or "malformed chunk: " .. line, table.concat(parts)
    end
    if size == 0 then
      reply.trailers, why = take_fields(self, limit)
      return reply.trailers and table.concat(parts), why, table.concat(parts)
    end
    local data, failure, partial = take_count(self, size + 2, limit)
    parts[#parts + 1] = data and data:sub(1, -3) or partial
    if not data or data:sub(-2) ~= "\r\n" then
      return nil, failure or "malformed chunk end", table.concat(parts)
    end
  end
end

local function take_rest(self, limit)
  while true do
    local ok, why = self:more(limit)
    if not ok then
      return why == "closed" and take(self, #self.buffer) or nil, why
    end
  end
end

local function take_body(self, reply, head, limit)
  local length = reply.headers["content-length"]
  if head or reply.status == 204 or reply.status == 304 or reply.status < 200 then
    return ""
  elseif reply.headers["transfer-encoding"] then
    return take_chunked(self, reply, limit)
  elseif length and not length:find "^%d+$" then
    return nil, "malformed length: " .. length
  elseif length then
    return take_count(self, tonumber(length), limit)
  end
  return take_rest(self, limit)
end

local reply_methods = {}

function reply_methods:json()
  local value, _, why = require("dkjson").decode(self.body, 1, nil)
  if why then
    error("no JSON: " .. why .. ": " .. self.body, 2)
  end
  return value
end

-- Reads one reply: { status, reason, version, headers, fields, body, trailers, ms, first_ms, cut }.
-- ms and first_ms count from the last `mark` (or the connection's begin) to the last and the first
-- byte. Nil and "closed", "reset", "timeout" or what is malformed when there is no head; a body
-- that ends too early leaves `cut`, saying how, and what came of it in body.
-- options: head (the request was HEAD), within (ms), informed (return 1xx replies too).
function conn:read(options)
  options = options or {}
  local limit = deadline(options.within)
  if self.buffer == "" then
    local ok, why = self:more(limit)
    if not ok then
      return nil, why
    end
  end
  local reply = setmetatable({ first_ms = posix.now() - self.at }, { __index = reply_methods })
  local line, why = take_line(self, limit)
  if not line then
    return nil, why
  end
  local version, status, reason = line:match "^(HTTP/%d%.%d) (%d%d%d) ?(.*)$"
  if not version then
    return nil, "malformed status line: " .. line
  end
  reply.version, reply.status, reply.reason = version, tonumber(status), reason
  reply.fields, reply.headers = take_fields(self, limit)
  if not reply.fields then
    return nil, reply.headers
  end
  if reply.status < 200 and not options.informed then
    return self:read(options)
  end
  local partial
  reply.body, reply.cut, partial = take_body(self, reply, options.head, limit)
  if reply.body then
    reply.cut = nil
  else
    reply.body = partial or ""
  end
  reply.ms = posix.now() - self.at
  return reply
end

-- Times of replies count from here.
function conn:mark()
  self.at = posix.now()
end

-- The bytes of a request. options: method, version, headers (name -> value, or a list of
-- { name, value }), body, json. Host and Content-Length are added unless given (false: left out).
function http.request(path, options)
  options = options or {}
  local headers, has = {}, {}
  local function add(name, value)
    has[name:lower()] = true
    if value then
      headers[#headers + 1] = name .. ": " .. value .. "\r\n"
    end
  end
  for name, value in pairs(options.headers or {}) do
    if type(name) == "number" then
      add(value[1], value[2])
    else
      add(name, value)
    end
  end
  local body = options.body
  if options.json ~= nil then
    body = require("dkjson").encode(options.json)
    add("Content-Type", "application/json")
  end
  if not has.host then
    add("Host", "gate.test")
  end
  if body and not has["content-length"] and not has["transfer-encoding"] then
    add("Content-Length", tostring(#body))
  end
  return ("%s %s %s\r\n%s\r\n%s"):format(options.method or (body and "POST" or "GET"), path,
    options.version or "HTTP/1.1", table.concat(headers), body or "")
end

-- Sends a request on this connection and reads the reply.
function conn:ask(path, options)
  options = options or {}
  self:mark()
  local ok, why = self:send(http.request(path, options))
  if not ok and why ~= "reset" then
    return nil, why
  end
  return self:read { head = options.method == "HEAD", within = options.within }
end

-- One request on a connection of its own; raises when there is no reply at all.
function http.get(port, path, options)
  local self = http.connect(port, options)
  local reply, why = self:ask(path, options)
  self:close()
  if not reply then
    error(("no reply to %s: %s"):format(path, why), 2)
  end
  return reply
end

function http.post(port, path, options)
  options = options or {}
  options.method = options.method or "POST"
  return http.get(port, path, options)
end

-- Waits until the other side closes: "closed" or "reset" and the bytes that came before, or nil
-- when it has not within `within` ms.
function conn:ending(within)
  local limit = deadline(within)
  while true do
    local ok, why = self:more(limit)
    if not ok then
      return why ~= "timeout" and why or nil, self.buffer
    end
  end
end

function conn:shut() -- ends our sending side
  posix.shut(self.fd)
end

function conn:close()
  if self.fd then
    posix.close(self.fd)
    self.fd = nil
  end
end

function conn:reset() -- closes with RST
  posix.linger_reset(self.fd)
  self:close()
end

return http
