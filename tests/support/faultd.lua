-- A backend that misbehaves as its requests' paths say (faultd_answers.c lists them) and remembers
-- what it was sent:
--   local backend = faultd.start()
--   ... services = { users = backend.url } ... users:get "/delay/200/id/7" ...
--   local record = backend:record()    -- record.requests, record.in_flight_most, record.log[1].raw
-- after_each(faultd.clean) ends them all.
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local process = require "support.process"
local wait = require "support.wait"

local faultd = {}
faultd.__index = faultd
local running, sockets = {}, {}

-- With a port or the path of a unix socket it listens there.
function faultd.start(where)
  local self = setmetatable({ where = where and tostring(where) }, faultd)
  self:again()
  return self
end

-- Starts it again, after stop; at the same place if that was said.
function faultd:again()
  self.process = process.start { places.build .. "/tests/faultd", self.where }
  running[#running + 1] = self.process
  local port, control = self.process:expect "on 127.0.0.1:(%d+), control on 127.0.0.1:(%d+)"
  assert(port, "faultd does not start")
  self.port, self.control = tonumber(port), tonumber(control)
  self.url = self.where and self.where:find "^/" and "unix:" .. self.where or "http://127.0.0.1:" .. port
end

-- The record is JSON with one character for each byte: turns them back into bytes.
local function bytes_of(text)
  return (text:gsub("([\194\195])([\128-\191])", function(lead, tail)
    return string.char((lead:byte() - 194) * 64 + tail:byte())
  end))
end

-- What it was sent since it began or was reset: { requests, in_flight, in_flight_most, connections,
-- open, open_most, now, log = { { connection, at, done, raw } }, conns = { { opened, closed, how,
-- requests } } }. Times are ms on its own clock; `done` is missing while not answered in full, `how`
-- is "eof" or "reset" (the other side closed), "fin" or "rst" (faultd did), missing while open.
function faultd:record(options)
  local brief = options and options.brief
  local record = http.get(self.control, brief and "/log?brief=1" or "/log"):json()
  for _, entry in ipairs(record.log) do
    entry.raw = entry.raw and bytes_of(entry.raw)
  end
  return record
end

-- What it was sent, in short, once nothing is in flight any more: a list of { method, target, body (its
-- length and a sum of its bytes), from (X-Forwarded-For) }.
function faultd:brief()
  local text
  wait.till(function()
    text = http.get(self.control, "/brief").body
    return text:find "^0\n"
  end)
  local list = {}
  for method, target, body, from in text:gmatch "\n(%S+) ([^\t\n]*) %S+\t(%S+)\t([^\n]*)" do
    list[#list + 1] = { method = method, target = target, body = body, from = from }
  end
  assert(select(2, text:gsub("\n", "")) - 1 == #list)
  return list
end

-- Waits until check(record) is true, at most `within` ms; returns the last record either way.
function faultd:record_when(check, within)
  local record
  wait.till(function()
    record = self:record()
    return check(record)
  end, within)
  return record
end

function faultd:reset()
  http.get(self.control, "/reset")
end

-- Lets go of what is held now: of answers to /held/...
function faultd:release()
  http.get(self.control, "/release")
end

-- Answers otherwise than asked, as faultd_moods.c says: "/to/hang", "/then/stale", "" for as asked.
function faultd:mood(what)
  http.get(self.control, "/mood" .. what)
end

-- Of how many of a record's connections the other side has closed.
function faultd.left(record)
  local count = 0
  for _, conn in ipairs(record.conns) do
    count = count + ((conn.how == "eof" or conn.how == "reset") and 1 or 0)
  end
  return count
end

-- Lets go of what is held as soon as the other side has closed `left` connections and asked
-- `requests` times, the held one being the last of them; returns the record, of then or of too late.
function faultd:release_when_left(left, requests)
  local record = self:record_when(function(now)
    return faultd.left(now) == left and now.requests == requests
  end)
  self:release()
  return record
end

function faultd:stop()
  self.process:kill()
end

-- A port that refuses connections, and that nobody else can take until faultd.clean.
function faultd.closed_port()
  local fd, port = posix.listen(nil)
  sockets[#sockets + 1] = fd
  return port
end

-- A port where connecting neither succeeds nor fails: its queue of one is full.
function faultd.mute_port()
  local fd, port = posix.listen(0)
  sockets[#sockets + 1] = fd
  local waiting = {}
  for i = 1, 2 do
    waiting[i] = { fd = posix.connect("127.0.0.1", port), events = posix.OUT }
    sockets[#sockets + 1] = waiting[i].fd
  end
  posix.poll(waiting, 5000) -- it is full when the first of them stands in it
  return port
end

function faultd.clean()
  for _, one in ipairs(running) do
    one:kill()
  end
  for _, fd in ipairs(sockets) do
    posix.close(fd)
  end
  running, sockets = {}, {}
end

return faultd
