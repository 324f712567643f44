-- The clients of a soak. None of them tries anything twice: what is not answered is a loss. Each is a
-- function of the run (see run.lua) that goes on until run.over.
local http = require "support.http"
local posix = require "support.posix"
local verdict = require "support.soak.verdict"
local wait = require "support.wait"

local clients = {}

-- A connection, or nil and a loss on the books: nobody is to be refused.
local function connect(run, options)
  local from = posix.now()
  local c, why = http.try_connect(run.port(), options)
  if c then
    c.opened = posix.now()
    return c
  end
  run.ledger:lost { form = "refused", what = why, ask = { name = "connect" }, from = from, to = posix.now() }
  wait.sleep(20)
end

-- What is asked next: { ask, id, bytes, expected }.
function clients.order(run, random, ask)
  ask = ask or run.pick(random)
  local id = run.new_id()
  local path, options, expected = ask.make(id, random, run.state)
  options.headers = options.headers or {}
  options.headers["X-Request-Id"] = id
  return { ask = ask, id = id, bytes = http.request(path, options), expected = expected }
end

-- Judges what came for an order; true when it was right.
local function judge(run, order, c, from, reply, why)
  local loss = verdict.judge(order.id, order.expected, reply, why)
  run.ledger:answered(reply)
  if loss then
    loss.ask, loss.id, loss.from, loss.to, loss.opened = order.ask, order.id, from, posix.now(), c.opened
    loss.request, loss.reply = order.bytes, reply
    run.ledger:lost(loss)
  end
  return not loss
end

local function usable(c, reply)
  if reply and not reply.cut and reply.headers.connection ~= "close" then
    return c
  end
  c:close()
end

-- Sends an order and holds the reply against it: the reply, if it was right, and the connection while it
-- can be used. `slice`, `pause`: how it is sent.
function clients.ask(run, c, order, slice, pause)
  local from = posix.now()
  run.ledger:sent(order.ask.name)
  local ok, why = c:send(order.bytes, slice, pause)
  local reply
  if ok or why == "reset" then -- what it was sent before it was cut may be an answer
    reply, why = c:read()
  end
  local right = judge(run, order, c, from, reply, why)
  return right and reply or nil, usable(c, reply), reply
end

-- Keeps its connection.
function clients.loyal(run, random)
  local c
  while not run.over do
    run.pace()
    c = c or connect(run)
    if c then
      c = select(2, clients.ask(run, c, clients.order(run, random)))
    end
  end
  return c and c:close()
end

-- A connection for each request.
function clients.fresh(run, random)
  while not run.over do
    run.pace()
    local c = connect(run)
    c = c and select(2, clients.ask(run, c, clients.order(run, random)))
    if c and random(3) == 1 then
      c:reset()
    elseif c then
      c:close()
    end
  end
end

-- Sends a few bytes at a time.
function clients.slow_sender(run, random)
  local c
  while not run.over do
    run.pace()
    c = c or connect(run)
    local order = clients.order(run, random)
    if c and #order.bytes < 1000 then
      c = select(2, clients.ask(run, c, order, 7 + random(40), random(15)))
    end
  end
  return c and c:close()
end

-- Takes long answers in small pieces.
function clients.slow_reader(run, random)
  local by_name = run.by_name
  while not run.over do
    run.pace()
    local c = connect(run, { receive_room = 4096 })
    if c then
      local order = clients.order(run, random, by_name[({ "down", "long", "static", "page" })[random(4)]])
      local from = posix.now()
      run.ledger:sent(order.ask.name)
      local reply, why = nil, select(2, c:send(order.bytes))
      if not why then
        for _ = 1, random(25) do
          wait.sleep(random(40))
          c:more(posix.now() + 1)
        end
        reply, why = c:read()
      end
      judge(run, order, c, from, reply, why)
      c:close()
    end
  end
end

-- Leaves in the middle: of the request, while it waits, or in the reply.
function clients.leaver(run, random)
  while not run.over do
    run.pace()
    local c = connect(run)
    if c then
      local bytes = clients.order(run, random).bytes
      run.ledger.left = run.ledger.left + 1
      c:send(random(2) == 1 and bytes or bytes:sub(1, random(#bytes)))
      wait.sleep(random(30) - 1)
      if random(3) == 1 then
        c:more(posix.now() + 100)
      end
      if random(2) == 1 then
        c:reset()
      else
        c:close()
      end
    end
  end
end

-- Sends several requests in one go. What was sent behind a reply that says "close", or that was cut, has
-- no answer, and cannot have one.
function clients.pipeliner(run, random)
  local c
  while not run.over do
    c = c or connect(run)
    local orders, bytes = {}, {}
    for i = 1, random(5) + 1 do
      run.pace()
      orders[i] = clients.order(run, random)
      bytes[i] = orders[i].bytes
    end
    local from = posix.now()
    local ok, why
    if c then
      ok, why = c:send(table.concat(bytes), random(3) == 1 and random(700) or nil)
    end
    for i = 1, c and #orders or 0 do
      local reply
      run.ledger:sent(orders[i].ask.name)
      if ok or why == "reset" then
        reply, why = c:read()
      end
      judge(run, orders[i], c, from, reply, why)
      c = usable(c, reply)
      if not c then
        run.ledger.behind = run.ledger.behind + #orders - i
        break
      end
    end
  end
  return c and c:close()
end

local JOB = { name = "job", unsafe = true }
local SEEN = { name = "job's end" }

local function job_order(id, path, method, check)
  return { ask = method == "POST" and JOB or SEEN, id = id,
    bytes = http.request(path, { method = method, body = method == "POST" and "" or nil, headers = { ["X-Request-Id"] = id } }),
    expected = { status = method == "POST" and 202 or 200, check = check } }
end

-- Follows one task from its start to its result.
local function follow(run, c, id)
  local task, state
  local reply
  local function ask(...)
    c = c or connect(run)
    if c then
      reply, c = clients.ask(run, c, job_order(id, ...))
      return reply
    end
  end
  if not ask("/jobs/" .. id, "POST", function(r)
    task = r.body:match '"id":"(job%-%x+)"'
    return not task and "no task" or nil
  end) then
    return c
  end
  local from = posix.now()
  repeat
    wait.sleep(20)
    ask("/jobs/" .. task, "GET", function(r)
      state = r.body:match '"state":"(%a+)"'
      return not state and "no state" or nil
    end)
  until run.over or state == "done" or posix.now() - from > 15000 * wait.slack
  if run.over then
    return c
  end
  local whole
  reply = state == "done" and ask("/jobs/" .. task .. "/result", "GET", function(r)
    whole = r.body == id .. " " .. id
    return not (whole or r.body == id .. " none") and "another result" or nil
  end)
  if state ~= "done" or (reply and not whole) then
    run.ledger:lost { form = state == "done" and "partial" or "task", what = "its end is " .. tostring(state), ask = SEEN,
      calls = { users = "any" }, id = id, from = from, to = posix.now(), request = id, reply = reply or nil }
  end
  return c
end

function clients.employer(run)
  local c
  while not run.over do
    run.pace()
    c = follow(run, c, run.new_id())
  end
  return c and c:close()
end

-- How many of each there are.
clients.crowd = {
  { clients.loyal, 30 }, { clients.fresh, 6 }, { clients.pipeliner, 4 }, { clients.slow_sender, 2 },
  { clients.slow_reader, 4 }, { clients.leaver, 4 }, { clients.employer, 2 },
}

return clients
