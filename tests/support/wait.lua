-- Waiting with a deadline, alone or several at once: each function given to wait.at_once runs as a
-- coroutine, and waiting in one lets the others go on. Outside of it, waiting simply blocks.
local places = require "support.places"
local posix = require "support.posix"

local wait = {
  -- Margins of time are this much wider in sanitizer builds, where everything is slower.
  slack = places.sanitize == "" and 1 or 10,
}

wait.now = posix.now

local current -- the list of what the coroutines wait for, while at_once runs

-- Waits until `fd` is ready for `events` or the clock has reached `deadline`. True when ready.
function wait.ready(fd, events, deadline)
  local wish = { fd = fd, events = events, deadline = deadline }
  if current then
    coroutine.yield(wish)
    return wish.ready
  end
  repeat
    posix.poll({ wish }, deadline - posix.now())
  until wish.ready or posix.now() >= deadline
  return wish.ready
end

function wait.readable(fd, deadline)
  return wait.ready(fd, posix.IN, deadline)
end

function wait.writable(fd, deadline)
  return wait.ready(fd, posix.OUT, deadline)
end

function wait.sleep(ms)
  wait.ready(-1, 0, posix.now() + ms)
end

-- Waits until check() gives something true, at most `within` ms (default 5000): that, or nil.
function wait.till(check, within)
  local deadline = posix.now() + (within or 5000) * wait.slack
  repeat
    local found = check()
    if found then
      return found
    end
    wait.sleep(2)
  until posix.now() >= deadline
  return check() or nil
end

-- For upper bounds of time where the machine has other things to do, too: runs measure() until it
-- returns less than `bound` ms (times wait.slack), five times at most, and raises if it never does.
-- What it asserts has to hold each time. Returns the least.
function wait.below(bound, measure)
  local best = math.huge
  for _ = 1, 5 do
    best = math.min(best, measure())
    if best < bound * wait.slack then
      return best
    end
  end
  error(("%.1f ms, not less than %d"):format(best, bound * wait.slack), 2)
end

-- For what a machine breaks that stops a process for a while, but does not each time: runs try() until it
-- raises nothing, `most` times (5) at most; raises what the last one has.
function wait.in_time(try, most)
  local ok, why
  for _ = 1, most or 5 do
    ok, why = pcall(try)
    if ok then
      return
    end
  end
  error(why, 0)
end

local function step(task, results)
  local ok, wish = coroutine.resume(task.thread, task.index)
  if not ok then
    error(wish, 0)
  end
  if coroutine.status(task.thread) == "dead" then
    results[task.index] = wish
    return false
  end
  task.wish = wish
  return true
end

local function turn(tasks)
  local fds, soonest = {}, math.huge
  for _, task in ipairs(tasks) do
    soonest = math.min(soonest, task.wish.deadline)
    if task.wish.fd >= 0 then
      fds[#fds + 1] = task.wish
    end
  end
  posix.poll(fds, soonest - posix.now())
end

-- Runs functions at once and returns the list of what they returned (one value each):
-- wait.at_once { f, g } or wait.at_once(100, f), which calls f(1) to f(100). The first error ends
-- it and is raised.
function wait.at_once(what, f)
  assert(not current, "wait.at_once inside wait.at_once")
  local tasks, results = {}, {}
  for i = 1, type(what) == "table" and #what or what do
    tasks[i] = { thread = coroutine.create(f or what[i]), index = i }
  end
  current = tasks
  local ok, why = pcall(function()
    local waiting = {}
    for _, task in ipairs(tasks) do
      if step(task, results) then
        waiting[#waiting + 1] = task
      end
    end
    while #waiting > 0 do
      turn(waiting)
      local still, time = {}, posix.now()
      for _, task in ipairs(waiting) do
        local due = task.wish.ready or time >= task.wish.deadline
        if not due or step(task, results) then
          still[#still + 1] = task
        end
      end
      waiting = still
    end
  end)
  current = nil
  if not ok then
    error(why, 0)
  end
  return results
end

return wait
