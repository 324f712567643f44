-- What specs drive routes with. A spec says `drive("GET /account/42")`, answers the calls that the
-- route makes, moves its clock, and looks at the reply.

local answers = require "moongate.spec_answer"
local json    = require "moongate.json_core"
local made    = require "moongate.spec_made"
local request = require "moongate.spec_request"
local units   = require "moongate.units"
local words   = require "moongate.words"

local spec = {}

local stage, routes, dir
local runs, calls = {}, {} -- of the test under way: by number, by id
local logs = {}
local clock = 0 -- ms since the test began: it moves by ticks alone

-- Errors of the functions below point at the author's line.
local function public(fn)
  return function(...)
    local ok, value = pcall(fn, ...)
    if ok then
      return value
    elseif type(value) == "string" and value:find "^[^\n]-%.lua:%d+: " then
      error(value, 0)
    end
    error(value, 2)
  end
end

local function fail(format, ...)
  error(format:format(...), 0)
end

-- What has happened

local happened = {}

function happened.call(news)
  local run = runs[news.run]
  local id = news.id
  if not run then
    return
  end
  local call = made.call(stage, news, run.began)
  calls[id] = { call = call, run = run }
  run.calls[#run.calls + 1] = call
  run.calls[call.name] = run.calls[call.name] or call
  run.open[#run.open + 1] = call
  run.most = math.max(run.most, #run.open)
end

function happened.end_(news)
  local known = calls[news.id]
  if not known then
    return
  end
  known.call.ended, known.call.how = news.at - known.run.began, news.how
  for i, call in ipairs(known.run.open) do
    if call == known.call then
      table.remove(known.run.open, i)
      break
    end
  end
end

function happened.reply(news)
  local run = runs[news.run]
  if run then
    run.out = made.reply(news, stage.reply(news.run))
  end
end

function happened.log(news)
  logs[#logs + 1] = news.text
end

local function look()
  for _, news in ipairs(stage.news()) do
    happened[news.event == "end" and "end_" or news.event](news)
  end
end

-- Answering

local function describe(call)
  local what = call.sql or call.target or call.path or call.verb or ""
  if call.command then
    what = table.concat(call.command, " ")
  end
  local verb = call.method or (call.kind == "file" and call.verb) or ""
  local text = ("%s (%s %s %s)"):format(call.name, call.backend, verb, what)
  return (text:gsub(" +", " "):gsub(" %)", ")"))
end

local function list_open(run)
  local texts = {}
  for _, call in ipairs(run.open) do
    texts[#texts + 1] = describe(call)
  end
  return table.concat(texts, ", ")
end

-- How a run stands, for messages.
local function state_of(run)
  if run.out then
    local text = run.out.text
    return ("the reply was %d %s"):format(run.out.status, #text > 200 and text:sub(1, 200) .. "..." or text)
  elseif #run.open > 0 then
    return "open are " .. list_open(run)
  end
  return "no call is open"
end

-- How many answers there are under a key; a function has as many as are wanted.
local function count_of(given)
  if answers.is(given) then
    return 1
  elseif type(given) == "function" then
    return math.huge
  end
  return #given
end

local function check_answers(given)
  if type(given) ~= "table" or answers.is(given) then
    fail('answer takes a table such as { profile = ok { name = "Ada" }, orders = failed "timeout" }')
  end
  for key, one in pairs(given) do
    local list = type(one) == "table" and not answers.is(one) and one or { one }
    for _, each in ipairs(list) do
      if not answers.is(each) and type(each) ~= "function" then
        fail('%s is no answer: say ok { ... }, status(404) or failed "timeout"', tostring(key))
      end
    end
    if #list == 0 or (type(key) ~= "string" and type(key) ~= "number") then
      fail('%s is no answer: say ok { ... }, status(404) or failed "timeout"', tostring(key))
    end
  end
end

-- The key under which a call is answered: its name; of a function's call its backend; else the next
-- of those without a name. What was used is left out.
local function key_for(call, given, used)
  for _, key in ipairs { call.name, call.planned and call.name or call.backend } do
    if given[key] and used[key] < count_of(given[key]) then
      return key
    end
  end
  local place = used.places + 1
  return given[place] and place or nil
end

local function pick(given, used, key, call)
  local one = given[key]
  if type(key) == "number" then
    used.places = key
  end
  used[key] = used[key] + 1
  if type(one) == "table" and not answers.is(one) then
    one = one[used[key]]
  end
  if type(one) == "function" then
    local name = call.name
    one = one(call)
    if not answers.is(one) then
      fail("the function that answers %s returned no answer: say return ok { ... }", name)
    end
  end
  return one
end

-- The oldest open call for which there is an answer is answered, then what this has led to is looked
-- at. False: there is none.
local function answer_one(run, given, used)
  for _, call in ipairs(run.open) do
    local key = key_for(call, given, used)
    if key then
      local one = pick(given, used, key, call)
      answers.give(stage, call.id, call, one)
      look()
      return true
    end
  end
  return false
end

local function complain(run, key)
  local names, landed = {}, nil
  for _, call in ipairs(run.open) do
    names[#names + 1] = call.name
  end
  for _, call in ipairs(run.calls) do
    landed = call.name == key and call.how or landed
  end
  local state = state_of(run)
  if type(key) == "number" then
    fail("%s: nobody asks for answer %d: %s", run.title, key, state)
  elseif landed then
    fail('%s: nobody asks for "%s" any more, it has ended (%s): %s', run.title, key, landed, state)
  end
  local nearest = words.nearest(key, names)
  fail('%s: nobody asks for "%s"%s: %s', run.title, key,
    nearest and (': did you mean "%s"?'):format(nearest) or "", state)
end

-- An answer may come too late for what was open before: an earlier one has ended the request.
local function check_used(run, given, used, before)
  local left = {}
  for key, one in pairs(given) do
    local count = count_of(one)
    if used[key] == 0 or (count ~= math.huge and used[key] < count) then
      left[#left + 1] = key
    end
  end
  table.sort(left, function(a, b)
    return tostring(a) < tostring(b)
  end)
  for _, key in ipairs(left) do
    if not before[key] or used[key] > 0 then
      complain(run, key)
    end
  end
end

local function check_run(run)
  if runs[run.number] ~= run then
    fail("%s was driven for another test: drive it in this one, or in before_each", run.title)
  end
end

local function answer(run, given)
  local before = {}
  local used = setmetatable({ places = 0 }, {
    __index = function()
      return 0
    end,
  })
  check_run(run)
  given = given == nil and {} or given
  check_answers(given)
  for i, call in ipairs(run.open) do
    before[call.name], before[i] = true, true
    before[call.backend] = before[call.backend] or not call.planned
  end
  while answer_one(run, given, used) do
  end
  check_used(run, given, used, before)
  return run.out
end

local function tick(run, text)
  local ms, wrong = units.duration(text)
  check_run(run)
  if not ms then
    fail("tick: %s", wrong)
  end
  clock = clock + ms
  stage.tick(ms)
  look()
  return run.out
end

local function leave(run)
  check_run(run)
  run.left = true
  stage.leave(run.number)
  look()
end

local SEEN = { calls = true, most = true, out = true }

-- What a spec holds of a run. `open` is a list of names, as they were started.
local function facade(run)
  local methods = {
    answer = public(function(given)
      return answer(run, given)
    end),
    tick = public(function(text)
      return tick(run, text)
    end),
    leave = public(function()
      return leave(run)
    end),
  }
  return setmetatable(methods, {
    __index = function(_, key)
      if key == "open" then
        local names = {}
        for i, call in ipairs(run.open) do
          names[i] = call.name
        end
        return names
      end
      return SEEN[key] and run[key] or nil
    end,
  })
end

local function drive(what, options)
  local bytes, title = request.bytes(what, options, routes, dir)
  local run = { title = title, calls = {}, open = {}, most = 0, began = clock }
  run.number = stage.drive(bytes)
  spec.last, runs[run.number] = run.number, run
  look()
  return facade(run)
end

---What a test leaves behind: raises when one of its requests has no reply, or still waits for calls:
---of gate.finally, or of a client that has left.
function spec.check()
  for number = spec.first, spec.last do
    local run = runs[number]
    local ended = run and (run.out or run.left)
    if run and #run.open > 0 then
      fail("%s %s: it waits for %s", run.title, ended and "goes on" or "has no reply", list_open(run))
    elseif run and not ended then
      local hint = "it waits for time to go by: run.tick moves the clock"
      fail("%s has no reply: no call is open, %s", run.title, hint)
    end
  end
end

---What an author wants to know of a test that failed: lines of text.
---@return string[]
function spec.notes()
  local notes = {}
  for _, text in ipairs(logs) do
    notes[#notes + 1] = "log: " .. text
  end
  for number = spec.first, spec.last do
    local run = runs[number]
    if run then
      notes[#notes + 1] = ("%s: %s"):format(run.title, state_of(run))
    end
  end
  return notes
end

---Forgets the requests of a test, and what gate.shared holds.
function spec.clear()
  if next(runs) then
    stage.clear()
  end
  runs, calls, logs, clock = {}, {}, {}, 0
  spec.first = spec.last + 1
end

---What specs find as globals.
---@param given_stage table
---@param folder string
---@return table<string, any>
function spec.open(given_stage, folder)
  stage, dir, spec.first, spec.last = given_stage, folder, 1, 0
  routes = stage.routes
  local failing = answers.failing(stage.kinds)
  return {
    drive = public(drive), ok = public(answers.ok), status = public(answers.status),
    failed = public(failing), list = json.list, null = json.null,
  }
end

return spec
