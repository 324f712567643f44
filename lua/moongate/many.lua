-- What running functions do with many calls, one after another: as they land, the first that
-- succeeds, or one for each item of a list.

local call    = require "moongate.call"
local core    = require "moongate.core"
local limits  = require "moongate.limits"
local problem = require "moongate.problem"
local run     = require "moongate.run"
local words   = require "moongate.words"

local many = {}

---@class moongate.Rest what of gate.as_completed has not come yet
local rest = {}

local rest_metatable = {
  __index = rest,
  __json = "the rest of gate.as_completed: it has no value",
  __metatable = false,
}

---Nobody wants their answers any more.
function rest:cancel()
  for _, id in ipairs(self.ids) do
    core.cancel(id)
  end
  self.keys, self.ids = {}, {}
end

-- The key and the id of one that has landed; waits for one if none has. nil: there are no more.
local function take_landed(waiting)
  while #waiting.ids > 0 do
    for i, id in ipairs(waiting.ids) do
      if core.landed(id) then
        table.remove(waiting.ids, i)
        return table.remove(waiting.keys, i), id
      end
    end
    run.wait_for("any", waiting.ids)
  end
end

---Key and result of each call as it lands, failures as results.
---@param calls table<any, moongate.Call|moongate.Future>
---@return fun(): any, moongate.Result?, moongate.Rest?
function many.as_completed(calls)
  local keys, ids = run.start_each(core.start_all, calls, "gate.as_completed")
  local waiting = setmetatable({ keys = keys, ids = ids }, rest_metatable)
  return function()
    local key, id = take_landed(waiting)
    if key == nil then
      return nil
    end
    return key, (core.result(id)), waiting
  end
end

-- All have failed: a problem that names them all, with the status of their kind if they have one.
local function raise_all(failed)
  local calls, said, kind = {}, {}, failed[1].error.kind
  for i, one in ipairs(failed) do
    calls[i] = { name = one.name, kind = one.error.kind, status = one.status }
    said[i] = ("%s (%s)"):format(one.name, one.error.kind)
    kind = kind == one.error.kind and kind or "status"
  end
  table.sort(said)
  table.sort(calls, function(a, b) return a.name < b.name end)
  problem.raise(core.status(kind), "all calls failed: " .. table.concat(said, ", "), { calls = calls })
end

---The first success; the rest are cancelled. When all fail, a problem with all of them is raised.
---@param calls table<any, moongate.Call|moongate.Future>
---@return moongate.Result
---@return any key
function many.first(calls)
  local keys, ids = run.start_each(core.start_all, calls, "gate.first")
  if #ids == 0 then
    error("gate.first takes at least one call", 2)
  end
  local waiting, failed = setmetatable({ keys = keys, ids = ids }, rest_metatable), {}
  for key, id in take_landed, waiting do
    local result = core.result(id)
    if result.ok then
      waiting:cancel()
      return result, key
    end
    failed[#failed + 1] = result
  end
  return raise_all(failed)
end

-- Those of the params that the path names: the others change nothing.
local function named(path, params)
  local needed = {}
  for name in (type(params) == "table" and path or ""):gmatch "{([^{}%.%[]+)" do
    needed[name] = rawget(params, name)
  end
  return needed
end

-- What a call asks, as a text that equal calls have in common. nil: it is made for itself, since it
-- may change something.
local function sameness(one)
  local reads = one.kind == "file" or (one.kind == "http" and (one.verb == "GET" or one.verb == "HEAD"))
  if not reads then
    return nil
  end
  local fields = call.fields(one)
  fields.params = named(fields.path, fields.params)
  local ok, text = pcall(core.encode, fields)
  return ok and text or nil
end

local function mapped(fn, item, place)
  local one = fn(item, place)
  if not call.is(one) then
    error(("gate.map: the function gave %s for item %d: return a call, such as users:get(...)")
      :format(words.show(one), place), 0)
  end
  return one
end

-- Takes what has landed out of `flying`. A required failure cancels the others and is raised.
local function settle(flying, results)
  for i = #flying, 1, -1 do
    local id = flying[i]
    if core.landed(id) then
      table.remove(flying, i)
      local one, verdict, told = core.result(id)
      results[id] = one
      if verdict then
        for _, other in ipairs(flying) do
          core.cancel(other)
        end
        run.raise(one, verdict, told)
      end
    end
  end
end

local function at_once_of(given)
  local at_once = type(given) == "table" and given.at_once or given == nil and limits.each_at_once
  for key in pairs(type(given) == "table" and given or {}) do
    if key ~= "at_once" then
      error(("gate.map: unknown option %s: there is at_once"):format(words.show(key)), 3)
    end
  end
  if given ~= nil and type(given) ~= "table" then
    error(("gate.map takes options such as { at_once = 8 }, not %s"):format(words.show(given)), 3)
  end
  at_once = at_once or limits.each_at_once
  if type(at_once) ~= "number" or at_once < 1 or at_once % 1 ~= 0 then
    error(("gate.map: at_once must be a whole number from 1 on, not %s"):format(words.show(at_once)), 3)
  end
  return at_once
end

---The result of one call for each item, in the list's order. Equal GETs are made once; at most
---`at_once` are in flight. The first required failure cancels the others and is raised.
---@param list any[]
---@param fn fun(item: any, place: integer): moongate.Call
---@param given { at_once: integer? }?
---@return moongate.Result[]
function many.map(list, fn, given)
  if type(list) ~= "table" or call.is(list) then
    error(("gate.map takes a list, not %s"):format(words.show(list)), 2)
  elseif type(fn) ~= "function" then
    error(("gate.map takes a function that makes a call of an item, not %s"):format(words.show(fn)), 2)
  end
  local at_once, count = at_once_of(given), #list
  local ids, same, flying, results = {}, {}, {}, {}
  while #ids < count or #flying > 0 do
    while #ids < count and #flying < at_once do
      local place = #ids + 1
      local one = mapped(fn, list[place], place)
      local text = sameness(one)
      local id = text and same[text]
      if not id then
        id = run.begin(one, ("%s[%d]"):format(one.backend or one.kind, place))
        flying[#flying + 1] = id
        if text then
          same[text] = id
        end
      end
      ids[place] = id
    end
    settle(flying, results)
    if #flying > 0 and (#flying == at_once or #ids == count) then
      run.wait_for("any", flying)
      settle(flying, results)
    end
  end
  local ordered = {}
  for place, id in ipairs(ids) do
    ordered[place] = results[id]
  end
  return ordered
end

return many
