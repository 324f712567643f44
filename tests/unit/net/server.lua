-- The server of echo.c and raw clients, for the specs of net/.
local ffi = require "ffi"
local places = require "support.places"

local function declare(name)
  local file = assert(io.open(places.checkout .. "/tests/unit/net/" .. name))
  local text = file:read "*a"
  file:close()
  ffi.cdef((text:gsub("#[^\n]*", "")))
end

-- busted forgets modules between files, the FFI does not forget what was declared.
if not pcall(ffi.typeof, "struct echo_options") then
  declare "echo.h"
  declare "client.h"
end

local C = ffi.C
local net = { patience = 5000 } -- ms that a client waits for what must come

-- Asks again until `holds` says yes; how long that takes is not what is tested.
function net.eventually(holds, ms)
  local till = C.client_now() + (ms or net.patience) / 1000
  repeat
    if holds() then
      return true
    end
    C.client_nap(1)
  until C.client_now() > till
  return false
end

local client = {}
client.__index = client

function client:send(text)
  return tonumber(C.client_send(self.fd, text, #text)) == #text
end

local room = ffi.new "char[65536]"

-- Reads once into self.got: true, or false and "closed", "silent" or "reset".
function client:read(ms)
  local count = tonumber(C.client_read(self.fd, room, 65536, ms or net.patience))
  if count > 0 then
    self.got = self.got .. ffi.string(room, count)
    return true
  end
  return false, ({ [0] = "closed", [-1] = "silent", [-2] = "reset" })[count]
end

-- The next reply: { status, head, fields, body }, or nil and why there is none. After a request
-- with HEAD: reply(true).
function client:reply(bodiless)
  local head, rest
  repeat
    head, rest = self.got:match "^(.-\r\n\r\n)(.*)$"
    if not head then
      local more, why = self:read()
      if not more then
        return nil, why
      end
    end
  until head
  local reply = { head = head, status = tonumber(head:match "^HTTP/1%.1 (%d%d%d) "), fields = {} }
  for name, value in head:gmatch "\r\n([^:\r]+): ([^\r]*)" do
    reply.fields[name:lower()] = value
  end
  local length = bodiless and 0 or tonumber(reply.fields["content-length"] or 0)
  self.got = rest
  while #self.got < length do
    local more, why = self:read()
    if not more then
      return nil, why
    end
  end
  reply.body = self.got:sub(1, length)
  self.got = self.got:sub(length + 1)
  return reply
end

-- What comes up to the end: the bytes, and how it ended ("closed", "reset", "silent").
function client:rest(ms)
  local more, why
  repeat
    more, why = self:read(ms)
  until not more
  local got = self.got
  self.got = ""
  return got, why
end

function client:finish() -- closes the sending side
  C.client_end(self.fd)
end

function client:close()
  if self.fd >= 0 then
    C.client_close(self.fd)
    self.fd = -1
  end
end

function client:reset()
  C.client_reset(self.fd)
  self.fd = -1
end

local server = {}
server.__index = server

function server:connect(receive_room)
  local one = setmetatable({ fd = C.client_connect(self.port, receive_room or 0), got = "" }, client)
  self.clients[#self.clients + 1] = one
  return one.fd >= 0 and one or nil
end

function server:counts()
  local counts = ffi.new "struct echo_counts"
  C.echo_count(self.echo, counts)
  return counts
end

function server:listen() C.echo_listen(self.echo) end
function server:deafen() C.echo_deafen(self.echo) end
function server:drain() C.echo_drain(self.echo) end
function server:hold() C.echo_hold(self.echo) end
function server:drain_held() C.echo_drain_held(self.echo) end
function server:cpu() return C.echo_cpu(self.echo) end

-- Runs test(server) against a server of its own, which has to end with nothing left and to have
-- said of each request exactly one of `sent` and `gone`.
function net.serve(options, test)
  local echo = C.echo_start(ffi.new("struct echo_options", options))
  local self = setmetatable({ echo = echo, port = C.echo_port(echo), clients = {} }, server)
  if not options.deaf then
    self:listen()
  end
  local ok, why = pcall(test, self)
  for _, one in ipairs(self.clients) do
    one:close()
  end
  local function is_rid()
    return self:counts().open == 0 and self:counts().requests == 0
  end
  local rid = net.eventually(is_rid)
  self:deafen() -- what is accepted only now would be in the midst of its requests
  rid = net.eventually(is_rid) and rid
  local left = self:counts()
  C.echo_stop(echo)
  if not ok then
    error(why, 0)
  end
  assert(rid, ("left behind: %d connections, %d requests"):format(left.open, left.requests))
  assert(left.head == left.sent + left.gone,
    ("of %d requests %d were sent, %d gone"):format(left.head, left.sent, left.gone))
end

-- The same for a test that a machine breaks which stops us for a while, but not each time: five tries
-- at most. What is said of a server's end holds each time.
function net.serve_in_time(options, test)
  local ok, why
  for _ = 1, 5 do
    net.serve(options, function(one)
      ok, why = pcall(test, one)
    end)
    if ok then
      return
    end
  end
  error(why, 0)
end

-- A request as bytes. `fields` are lines without their ends.
function net.request(method, target, fields, body)
  local lines = { method .. " " .. target .. " HTTP/1.1", "Host: here" }
  for _, field in ipairs(fields or {}) do
    lines[#lines + 1] = field
  end
  if body then
    lines[#lines + 1] = "Content-Length: " .. #body
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
end

function net.chunked(target, ...)
  local chunks = {}
  for i, chunk in ipairs { ... } do
    chunks[i] = ("%x\r\n%s\r\n"):format(#chunk, chunk)
  end
  return net.request("POST", target, { "Transfer-Encoding: chunked" }) .. table.concat(chunks)
    .. "0\r\n\r\n"
end

return net
