-- The requests of a soak: how often each kind is made, what it looks like, and what has to come back.
-- make(id, random, state) gives path, options of http.request and what is expected:
--   { status (200), body = exactly this | check = function(reply) that says what is wrong, partial = may lack something }
-- `unsafe`: never sent twice; `passed`: the backend whose answer is streamed; `soon`: it has little time.
local servers = require "support.soak.servers"

local function get(weight, name, make, more)
  local kind = more or {}
  kind.name, kind.weight, kind.make = name, weight, make
  return kind
end

-- Replies of the form {"ids":[ID,ID,...],"own":ID}.
local function ids(count)
  return function(path)
    return function(id)
      local list = {}
      for i = 1, count do
        list[i] = ('"%s"'):format(id)
      end
      return path .. id, {}, { body = ('{"ids":[%s],"own":"%s"}'):format(table.concat(list, ","), id) }
    end
  end
end

local function own(path, rest, options)
  return function(id)
    local body = rest:gsub("ID", id)
    return path .. id, options and { method = options.method, body = options.body, json = options.json } or {},
      { body = body }
  end
end

local function answers(path, status)
  return function(id) return path .. id, {}, { status = status } end
end

local POST, PUT = { method = "POST", body = "" }, { method = "PUT", body = "" }

local function each(id)
  local list, bodies = {}, {}
  for i = 1, 5 do
    list[i] = ('"%s-%d"'):format(id, i)
    bodies[i] = ('{"id":%s}'):format(list[i])
  end
  return "/each/" .. id,
    { body = '{"ids":[' .. table.concat(list, ",") .. "]}", headers = { ["Content-Type"] = "application/json" } },
    { body = ('{"each":[%s],"own":"%s"}'):format(table.concat(bodies, ","), id) }
end

local function map(id)
  local list = {}
  for i = 1, 4 do
    list[i] = ('"%s-%d"'):format(id, i)
  end
  return "/map/" .. id, {}, { body = ('{"ids":[%s],"own":"%s"}'):format(table.concat(list, ","), id) }
end

local function partial(id)
  return "/partial/" .. id, {}, { partial = true, body = ('{"cache":"%s","id":"%s","own":"%s"}'):format(id, id, id) }
end

local function share(id, random)
  local n = "n" .. random(4)
  return "/share/" .. id .. "/" .. n, {}, { body = ('{"n":"%s","own":"%s"}'):format(n, id) }
end

local function chunked(body, random)
  local parts, at = {}, 1
  while at <= #body do
    local part = body:sub(at, at + random(9000) - 1)
    parts[#parts + 1] = ("%x\r\n%s\r\n"):format(#part, part)
    at = at + #part
  end
  return table.concat(parts) .. "0\r\n\r\n"
end

-- The backend's answer is the request as it came there, so that its X-Request-Id shows as well.
local function up(id, random)
  local payload = (id .. " "):rep(random(random(3) == 1 and 4000 or 40))
  local options = { method = "PUT", body = payload, headers = { ["X-Soak"] = id } }
  if random(2) == 1 then
    options.body, options.headers["Transfer-Encoding"] = chunked(payload, random), "chunked"
  end
  return "/up/" .. id, options, { check = function(reply)
    local seen = reply.body:match '%["[Xx]%-[Rr]equest%-[Ii]d","(.-)"%]'
    if seen ~= reply.headers["x-request-id"] then
      return ("the backend saw the request id %s, the client %s"):format(seen, reply.headers["x-request-id"])
    elseif not reply.body:find(('"target":"/echo/%s"'):format(id), 1, true) then
      return "another target"
    elseif not reply.body:find(('"body":"%s"'):format(payload), 1, true) then
      return "another body"
    end
  end }
end

local function down(path, most)
  return function(id, random)
    local size = random(random(4) == 1 and most or 3000) + 2
    return ("%s%s/%d"):format(path, id, size), {}, { check = function(reply)
      if reply.headers["x-soak"] ~= id then
        return "X-Soak is " .. tostring(reply.headers["x-soak"])
      elseif reply.body ~= '"' .. ("x"):rep(size - 2) .. '"' then
        return ("%d bytes of %d"):format(#reply.body, size)
      end
    end }
  end
end

local function static(_, random)
  local n = random(9)
  return ("/static/%d.txt"):format(n), {}, { body = servers.page(n) }
end

local function part(_, random)
  local page = servers.page(5)
  local from = random(#page - 1)
  local to = math.min(from + random(5000), #page - 1)
  return "/static/5.txt", { headers = { Range = ("bytes=%d-%d"):format(from, to) } },
    { status = 206, body = page:sub(from + 1, to + 1) }
end

local function page(id, random)
  local n = random(6)
  return ("/page/%s/%d.txt"):format(id, n), {}, { body = ('{"own":"%s","text":"%s"}'):format(id, servers.page(n):gsub("\n", "\\n")) }
end

-- Each number once, and none below what came back before the request was sent.
local function count(id, _, state)
  local epoch, floor = state.epoch, state.counted
  return "/count/" .. id, {}, { check = function(reply)
    local n, whose = reply.body:match '^{"n":(%d+),"own":"(.-)"}$'
    n = tonumber(n)
    if not n or whose ~= id then
      return "another body"
    elseif epoch == state.epoch then
      if n <= floor or state.numbers[n] then
        return ("%d has been given before; it was past %d"):format(n, floor)
      end
      state.numbers[n], state.counted = true, math.max(state.counted, n)
      state.numbers[n - 100000] = nil
    end
  end }
end

local function around(id)
  return "/around/" .. id, {}, { body = ('{"id":"%s","own":"%s","skipped":null}'):format(id, id), check = function(reply)
    return reply.headers["x-after"] ~= id and "X-After is " .. tostring(reply.headers["x-after"]) or nil
  end }
end

local function score(id)
  local sum = 0
  for i = 1, 2000 do
    sum = (sum * 31 + i) % 65537
  end
  return "/compute/" .. id, {}, { body = ('{"own":"%s","score":{"id":"%s","sum":%d}}'):format(id, id, sum) }
end

local function number(id)
  return "/number/" .. id .. "?n=many", {}, { status = 400 }
end

local once = '{"id":"ID","n":1,"own":"ID"}'

return {
  get(10, "none", own("/none/", '{"orders":{"id":"ID"},"users":{"id":"ID"}}')),
  get(10, "template", ids(4) "/template/"),
  get(10, "function", ids(4) "/function/"),
  get(6, "all", ids(3) "/all/"),
  get(4, "map", map),
  get(4, "each", each, { unsafe = true }),
  get(4, "first", own("/first/", '{"id":"ID","own":"ID"}')),
  get(4, "wait", ids(2) "/wait/"),
  get(4, "around", around),
  get(6, "once", own("/once/", once, POST), { unsafe = true }),
  get(4, "carried", own("/carried/", once, POST), { unsafe = true }),
  get(6, "share", share),
  get(4, "soon", own("/soon/", '{"id":"ID","own":"ID"}'), { soon = true }),
  get(4, "partial", partial),
  get(4, "up", up, { unsafe = true, passed = "orders" }),
  get(4, "down", down("/down/", 200000), { passed = "users" }),
  get(3, "long", down("/long/", 200000), { passed = "curled" }),
  get(4, "static", static),
  get(2, "part", part),
  get(4, "page", page),
  get(5, "lite", own("/lite/", '{"own":"ID","row":{"id":"ID","n":3}}')),
  get(3, "lite write", own("/lite/", '{"own":"ID","row":{"id":"ID","n":1}}', POST), { unsafe = true }),
  get(6, "cache", own("/cache/", '{"id":"ID","own":"ID"}')),
  get(4, "cache write", own("/cache/", once, POST), { unsafe = true }),
  get(6, "crm", own("/crm/", '{"id":"ID","own":"ID"}'), { needs = "crm" }),
  get(3, "crm write", own("/crm/", '{"own":"ID","row":{"id":"ID","n":1}}', POST), { needs = "crm", unsafe = true }),
  get(3, "crm atomic", own("/crm/", '{"own":"ID","row":{"id":"ID","n":1}}', PUT), { needs = "crm", unsafe = true }),
  get(3, "compute", score),
  get(4, "count", count),
  get(2, "final", own("/final/", '{"own":"ID"}')),
  get(2, "absent", answers("/absent/", 404)),
  get(1, "nowhere", answers("/nowhere/", 404)),
  get(2, "number", number),
  get(2, "raise", answers("/raise/", 500)),
  get(1, "fail", answers("/fail/", 409)),
  get(1, "endless", answers("/endless/", 500)),
  get(1, "bomb", answers("/bomb/", 500)),
}
