-- The books of a soak: what was asked and answered, what was lost, and the fault log that has to
-- explain each loss. A fault explains a loss if it was there, or had just gone, while the request was
-- on its way, and if it may make that request fail in that way.
local ffi = require "ffi"
local posix = require "support.posix"

local ledger = {}
ledger.__index = ledger

local SHOWN, KEPT = 2, 4000 -- losses of each sort that are printed in full; lines of the log that are kept

function ledger.new()
  return setmetatable({
    began = posix.now(), faults = {}, waiting = {}, unexplained = {}, log = {},
    asked = {}, statuses = {}, explained = {}, requests = 0, losses = 0, wrong = 0, left = 0, behind = 0,
    sorts = {}, shown = {}, told = 0,
  }, ledger)
end

-- A fault begins. options: explains (a function that sees a loss; none: nothing may be lost), after (for
-- how many ms beyond its end). Its over() says that it has ended.
function ledger:fault(name, options)
  local fault = { name = name, from = posix.now(), explains = options and options.explains, after = options and options.after or 0 }
  fault.over = function() fault.to = fault.to or posix.now() end
  self.faults[#self.faults + 1] = fault
  return fault
end

local function count(table, key)
  table[key] = (table[key] or 0) + 1
end

function ledger:sent(name)
  self.requests = self.requests + 1
  count(self.asked, name)
end

function ledger:answered(reply)
  count(self.statuses, reply and tostring(reply.status) or "none")
end

-- loss: { form, what, calls, ask, id, from, to, opened, request, reply }.
function ledger:lost(loss)
  self.losses = self.losses + 1
  if loss.form == "wrong id" then
    self.wrong = self.wrong + 1
  end
  self.waiting[#self.waiting + 1] = loss
end

-- What the machine did is seen a little late. A shared call that began under a fault is joined until
-- somebody has run out of time for it.
local SEEN_LATE, JOINED = 300, 2000

local function explains(fault, loss)
  local before = fault.machine and SEEN_LATE or 0
  local after = fault.after + (loss.ask.name == "share" and JOINED or 0)
  return fault.explains and fault.from - before <= loss.to and loss.from <= (fault.to or math.huge) + after
    and loss.form ~= "wrong id" and fault.explains(loss)
end

-- Out of time, with all the time that anything had. The machine explains it if it had other things to do
-- for a good part of that.
local function late(self, loss)
  local timeouts = next(loss.calls or {}) ~= nil
  for _, kind in pairs(loss.calls or {}) do
    timeouts = timeouts and (kind == "timeout" or kind == "busy" or kind == "any")
  end
  timeouts = timeouts or loss.status == 408 or loss.status == 504
  local slow = 0
  for i = #self.faults, 1, -1 do
    local fault = self.faults[i]
    if fault.machine then
      slow = slow + math.max(0, math.min(fault.to or math.huge, loss.to) - math.max(fault.from, loss.from))
    end
  end
  return timeouts and slow >= (loss.to - loss.from) / 4
end

function ledger:explain(loss)
  for i = #self.faults, 1, -1 do
    if explains(self.faults[i], loss) then
      count(self.explained, self.faults[i].name)
      return
    end
  end
  if loss.form ~= "wrong id" and late(self, loss) then
    count(self.explained, "the machine has other things to do")
    return
  end
  self.unexplained[#self.unexplained + 1] = loss
  local sort = ("%s: %s, %s"):format(loss.ask.name, loss.form, loss.what:gsub("%d+", "N"))
  count(self.sorts, sort)
  if self.sorts[sort] <= SHOWN and #self.shown + self.told < SHOWN * 20 then
    self.shown[#self.shown + 1] = self:describe(loss)
  end
  loss.request, loss.reply = nil, nil
end

-- Holds losses against the faults. Those of the last `ms` wait: their fault may not be in the log yet.
function ledger:settle(ms)
  local still, time = {}, posix.now()
  for _, loss in ipairs(self.waiting) do
    if time - loss.to < (ms or 0) then
      still[#still + 1] = loss
    else
      self:explain(loss)
    end
  end
  self.waiting = still
end

local wall = ffi.new "struct test_timespec"

-- When a line was logged, on our clock: what it says of the time of day is not more than a day old.
local function time_of(line)
  local hours, minutes, seconds = line:match "^%d+-%d+-%d+T(%d+):(%d+):([%d.]+)Z"
  ffi.C.clock_gettime(0, wall)
  local now = (tonumber(wall.seconds) * 1e3 + tonumber(wall.nanoseconds) / 1e6) % 86400000
  local ago = hours and (now - ((hours * 60 + minutes) * 60 + seconds) * 1000) % 86400000 or 0
  return posix.now() - (ago < 80000000 and ago or 0)
end

-- Scripts that are asked to fail say so each time, which helps nobody.
local function asked_for(line)
  return line:find(" GET /%a+/q%d+x%d+q ") and (line:find(" GET /endless/", 1, true) or line:find(" GET /bomb/", 1, true)
    or line:find(" GET /raise/", 1, true))
end

function ledger:take_log(lines)
  for _, line in ipairs(lines) do
    if not asked_for(line) then
      self.log[#self.log + 1] = { time_of(line), line }
    end
  end
  if #self.log > 2 * KEPT then
    local rest = {}
    for i = #self.log - KEPT + 1, #self.log do
      rest[#rest + 1] = self.log[i]
    end
    self.log = rest
  end
end

function ledger:seconds(time)
  return ("%.3f"):format((time - self.began) / 1000)
end

function ledger:fault_line(fault)
  return ("  %9s to %9s  %s"):format(self:seconds(fault.from), fault.to and self:seconds(fault.to) or "now", fault.name)
end

local function shown(bytes)
  bytes = #bytes > 1500 and bytes:sub(1, 1500) .. ("... %d bytes"):format(#bytes) or bytes
  return (bytes:gsub("\r\n", "\n"):gsub("[^\n\32-\126]", function(c) return ("\\x%02x"):format(c:byte()) end)
    :gsub("\n", "\n    | "))
end

local function reply_text(reply)
  if not reply then
    return "none"
  end
  local lines = { ("%s %d %s"):format(reply.version, reply.status, reply.reason) }
  for _, field in ipairs(reply.fields) do
    lines[#lines + 1] = field[1] .. ": " .. field[2]
  end
  return table.concat(lines, "\n") .. "\n\n" .. reply.body
end

-- A loss with the faults and the log around it, as lines.
function ledger:describe(loss)
  local lines = { ("unexplained: %s: %s, %s (request at %s, known at %s, on a connection of %s)"):format(loss.ask.name,
    loss.form, loss.what, self:seconds(loss.from), self:seconds(loss.to), self:seconds(loss.opened or loss.from)) }
  local function add(format, ...)
    lines[#lines + 1] = format:format(...)
  end
  add("  request:\n    | %s", shown(loss.request or "none was sent"))
  add("  reply:\n    | %s", shown(reply_text(loss.reply)))
  add "  faults around it:"
  for _, fault in ipairs(self.faults) do
    if fault.from < loss.to + 1000 and (fault.to or math.huge) > loss.from - 5000 then
      lines[#lines + 1] = self:fault_line(fault)
    end
  end
  add "  the gateway's log around it:"
  for _, entry in ipairs(self.log) do
    if entry[1] > loss.from - 300 and entry[1] < loss.to + 300 then
      add("    | %s %s", self:seconds(entry[1]), entry[2])
    end
  end
  return table.concat(lines, "\n")
end

return ledger
