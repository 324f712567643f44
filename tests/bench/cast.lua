-- Who takes part in a workload, with which server, and whether it answers what it has to.
local http = require "support.http"
local output = require "bench.table"
local places = require "support.places"
local posix = require "support.posix"
local servers = require "bench.servers"

local cast = {}
local running = {} -- servers under load, by kind and options
local missing = {} -- kinds left out, each said once

local function equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, value in pairs(a) do
    if not equal(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

---How it is called in the table.
function cast.label(participant)
  return participant.label or participant.kind
end

---The options of its server with what they stand for: folders that are made, and the one that passes.
function cast.options(participant)
  local resolved = {}
  for name, value in pairs(participant.options or {}) do
    resolved[name] = value
  end
  if resolved.make then
    resolved.folder = posix.folder()
    resolved.make(resolved.folder)
  elseif resolved.pass then
    resolved.folder = places.checkout .. "/tests/bench/pass"
  end
  return resolved
end

local function key_of(participant)
  local given = participant.options or {}
  return ("%s %s %s %s"):format(participant.kind, given.workers or 1, tostring(given.make),
    tostring(given.pass))
end

---Its server, which stays for all workloads.
function cast.server(participant)
  local key = key_of(participant)
  if not running[key] then
    running[key] = servers.start(participant.kind, cast.options(participant), participant.path)
  end
  return running[key]
end

local function blob(path)
  local file = assert(io.open(servers.scratch .. path, "rb"))
  local bytes = file:read "*a"
  file:close()
  return bytes
end

---Raises unless the reply is what every participant has to answer.
function cast.check(workload, participant)
  local reply = http.get(cast.server(participant).port, participant.path)
  local right = reply.status == 200 and not reply.cut
  if right and workload.blob then
    right = reply.body == blob(participant.path)
  elseif right and workload.expect then
    right = equal(reply:json(), workload.expect)
  end
  if not right then
    error(("%s: %s answers %d: %s"):format(workload.name, cast.label(participant), reply.status,
      reply.body:sub(1, 300)), 0)
  end
end

---Those that take part: installed, and asked for.
function cast.of(workload, given)
  local list = {}
  for i, participant in ipairs(workload.who) do
    local wanted = i == 1 or not given.against or given.against[participant.kind]
      or participant.kind == "moongate"
    participant.path = participant.path or workload.who[1].path
    if wanted and servers.has(participant.kind) then
      list[#list + 1] = participant
    elseif wanted and not missing[participant.kind] then
      missing[participant.kind] = true
      output.note(participant.kind, "is not installed and takes no part")
    end
  end
  return list
end

return cast
