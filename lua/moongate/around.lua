-- The functions around a route: `before(req)` runs when its input is right, before its calls, and may
-- answer itself; `after(req, reply)` runs when there is a reply or a problem, and may change it.

local core    = require "moongate.core"
local header  = require "moongate.header"
local loading = require "moongate.loading"
local reply   = require "moongate.reply"
local run     = require "moongate.run"
local words   = require "moongate.words"

local around = {}

-- These stay on the stack while the author's function and what becomes of its work are under way.

-- Nothing when the function has not answered.
local function enter(fn, req)
  local value = fn(req)
  if value == nil then
    return nil
  elseif core.take(value) then
    return true
  end
  local status, headers, body = reply.of(value)
  return status, headers, body
end
loading.roots[enter] = true

-- The request's context as JSON, when the last function has had its turn.
local function encoded(_, context)
  local json = core.encode(context, "req.context")
  return json
end
loading.roots[encoded] = true

local function ask(functions, req, wants_context)
  for _, fn in ipairs(functions) do
    local status, headers, body = enter(fn, req)
    if status then
      return status, headers, body
    end
  end
  local context = wants_context and rawget(req, "context")
  return nil, context and encoded(functions[#functions], context) or ""
end

---What C calls before a route's calls. Returns nil and req.context as JSON when none has answered;
---else as run.main does.
function around.before()
  local functions, req, wants_context = core.begin_around()
  local ok, status, headers, body = xpcall(ask, run.explain, functions, req, wants_context)
  if ok then
    return status, headers, body
  end
  return run.failure(status, functions[1])
end

-- Header fields by their names in lower case, which are looked up and set in any. `spelt` keeps how
-- they are written.
local function fields(spelt)
  return setmetatable({}, {
    __index = header.any_case.__index,
    __newindex = function(self, name, value)
      local lower = type(name) == "string" and name:lower() or name
      spelt[lower] = spelt[lower] or name
      rawset(self, lower, value)
    end,
    __metatable = false,
  })
end

-- A flat list of fields as such a table, and those in it that are not for authors to change.
local function opened(flat)
  local spelt, kept = {}, {}
  local headers = fields(spelt)
  for i = 1, #flat, 2 do
    local name, value = flat[i], flat[i + 1]
    local lower = name:lower()
    local had = rawget(headers, lower)
    spelt[lower] = spelt[lower] or name
    if header.name(name) or header.value(value) then
      kept[#kept + 1], kept[#kept + 2] = name, value
    elseif lower == "set-cookie" then
      rawset(headers, lower, had or {})
      table.insert(rawget(headers, lower), value)
    else
      rawset(headers, lower, had and had .. ", " .. value or value)
    end
  end
  return headers, spelt, kept
end

-- What `after` is given, and what becomes of it. `json` is there once it was read or set, by `maker`;
-- `turn` is the function that is at work.
local function state_of(passed, status, flat)
  local headers, spelt, kept = opened(flat)
  return { passed = passed, status = status, headers = headers, spelt = spelt, kept = kept }
end

local function text_of(state)
  if state.passed then
    loading.raise("reply.body: the answer is passed unread, its body is not here")
  elseif state.json ~= nil then
    return core.encode(state.json, "reply.json")
  end
  state.text = state.text or core.reply_text()
  return state.text
end

local READ = {
  status  = function(state) return state.status end,
  headers = function(state) return state.headers end,
  body    = text_of,
  json    = function(state)
    if state.json == nil then
      state.json, state.maker = core.decode(text_of(state)), state.turn -- nil when it is none
    end
    return state.json
  end,
}

local function check_body(state, key, ok, wanted)
  if state.passed then
    loading.raise(("reply.%s: the answer is passed unread, its body cannot be changed"):format(key))
  elseif not ok then
    loading.raise(("reply.%s: %s is wanted"):format(key, wanted))
  end
end

local WRITE = {
  status = function(state, value)
    if type(value) ~= "number" or value % 1 ~= 0 or value < 200 or value > 599 then
      loading.raise(("reply.status is a whole number from 200 to 599, not %s"):format(words.show(value)))
    end
    state.status = value
  end,
  headers = function(state, value)
    if type(value) ~= "table" then
      loading.raise(("reply.headers is a table, not %s"):format(words.show(value)))
    end
    local headers = fields(state.spelt)
    for name, one in pairs(value) do
      headers[name] = one
    end
    state.headers = headers
  end,
  body = function(state, value)
    check_body(state, "body", type(value) == "string", "a text")
    state.text, state.json, state.changed = value, nil, true
  end,
  json = function(state, value)
    check_body(state, "json", value ~= nil, "a value (gate.null is one)")
    state.json, state.maker = value, state.turn
    local type_now = rawget(state.headers, "content-type")
    if type(type_now) ~= "string" or not type_now:lower():find("json", 1, true) then
      state.headers["content-type"] = "application/json"
    end
  end,
}

local KEYS = words.names(READ)

local function unknown(key)
  local shown = tostring(key)
  loading.raise(("a reply has no %s%s"):format(shown, words.hint(shown, KEYS, "parts")))
end

local function view(state)
  return setmetatable({}, {
    __index = function(_, key)
      return (READ[key] or unknown(key))(state)
    end,
    __newindex = function(_, key, value)
      local write = WRITE[key] or unknown(key)
      write(state, value)
    end,
    __json = "the reply: its parts are wanted",
    __metatable = false,
  })
end

-- Its headers are looked at when the function is done, so that what is wrong with them is told of it.
local function alter(fn, req, state, changed)
  state.turn = fn
  local value = fn(req, changed)
  if value ~= nil and value ~= changed then
    local file, line = loading.place_of(fn)
    error(("%s:%d: after changes the reply it is given and returns nothing, not %s")
      :format(file, line, words.show(value)), 0)
  end
  local flat = reply.headers(state.headers)
  return flat
end
loading.roots[alter] = true

local function made(_, state)
  local text = text_of(state)
  return text
end
loading.roots[made] = true

local function change(functions, req, state)
  local changed, flat = view(state), nil
  for _, fn in ipairs(functions) do
    flat = alter(fn, req, state, changed)
  end
  for i = 1, #flat, 2 do
    flat[i] = state.spelt[flat[i]] or flat[i]
  end
  for _, one in ipairs(state.kept) do
    flat[#flat + 1] = one
  end
  local body = (state.json ~= nil or state.changed) and made(state.maker, state) or nil
  return state.status, flat, body
end

---What C calls when there is a reply. Returns status, flat headers, and the body if it is another
---one; or as run.main does.
function around.after()
  local functions, req, passed, status, flat = core.begin_around()
  local state = state_of(passed, status, flat)
  local ok, now, headers, body = xpcall(change, run.explain, functions, req, state)
  if ok then
    return now, headers, body
  end
  return run.failure(now, functions[1])
end

return around
