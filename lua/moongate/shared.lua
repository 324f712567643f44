-- Data that all workers share: `gate.shared "hits"` names a space of keys in the process's store.

local core    = require "moongate.core"
local loading = require "moongate.loading"
local still   = require "moongate.still"
local units   = require "moongate.units"
local words   = require "moongate.words"

local shared = {}

local KEY_MOST = 1024 -- bytes, as in data/store.h

-- Handle -> the name of its space.
local space_of = setmetatable({}, { __mode = "k" })

local CHANGING = "the function of update cannot make calls or wait: it is run again "
  .. "when another request was faster"

local function text_of(key, verb)
  local kind = type(key)
  if kind == "number" or kind == "userdata" and key ~= core.null then
    key = core.encode(key, "key") -- whole numbers in full, as in a path
  end
  if type(key) ~= "string" then
    loading.raise(("%s takes a key, which is a text or a number, not %s"):format(verb, words.show(key)))
  elseif #key > KEY_MOST then
    loading.raise(("%s: a key of %d bytes is longer than %d"):format(verb, #key, KEY_MOST))
  end
  return key
end

local function lifetime(ttl, verb)
  if ttl == nil then
    return 0
  end
  local ms, wrong = units.duration(ttl)
  if not ms or ms < 1 then
    loading.raise(("%s: the time to live %s"):format(verb, wrong or "must be at least 1ms"))
  end
  return ms
end

local function ask(self, verb, key, value, ttl, version)
  local space = space_of[self]
  if not space then
    loading.raise(("say hits:%s(...), with a colon"):format(verb))
  end
  local word = verb == "swap" and "update" or verb
  if loading.computes then
    loading.raise(("%s: a function that computes sees no shared data: give it as an argument"):format(word))
  end
  local ok, done, found, seen = pcall(core.shared, verb, space, text_of(key, word), value,
    lifetime(ttl, word), version)
  if not ok then
    loading.raise(("%s: %s"):format(word, done))
  elseif done == nil then
    loading.raise(("%s: %s"):format(word, found))
  end
  return done, found, seen
end

local function need_value(value, verb)
  if value == nil then
    loading.raise(("%s takes a value: gate.null is one, and delete takes one away"):format(verb))
  end
end

---@class moongate.Shared
local methods = {}

---@param key string|integer
---@return any value nil when there is none
function methods:get(key)
  local _, value = ask(self, "get", key)
  return value
end

---@param key string|integer
---@param value any what JSON can say
---@param ttl string? such as "10s"; kept until room is needed without
function methods:set(key, value, ttl)
  need_value(value, "set")
  ask(self, "set", key, value, ttl)
end

---Sets what is not there yet.
---@param key string|integer
---@param value any
---@param ttl string?
---@return boolean added
function methods:add(key, value, ttl)
  need_value(value, "add")
  return (ask(self, "add", key, value, ttl))
end

---@param key string|integer
---@param by integer? 1 unless given
---@param ttl string? from when the key is made; later ones leave it the time it has
---@return integer value the new one
function methods:incr(key, by, ttl)
  local _, value = ask(self, "incr", key, by == nil and 1 or by, ttl)
  return value
end

---@param key string|integer
---@return boolean was_there
function methods:delete(key)
  return (ask(self, "delete", key))
end

-- The new value; what is forbidden meanwhile is allowed again, however fn ends.
local function change(fn, value)
  local before = still.set(CHANGING)
  if before == CHANGING then
    still.check() -- an update within an update
  end
  local ok, new = pcall(fn, value)
  still.set(before)
  if not ok then
    error(new, 0)
  end
  if new == nil then
    loading.raise("update: its function returned nothing: it returns the value to keep")
  end
  return new
end

---Stores what fn makes of the value, if nobody else stored meanwhile; else runs fn again.
---@param key string|integer
---@param fn fun(value: any): any gets nil when there is none; must not wait
---@param ttl string? from when the key is made; later ones leave it the time it has
---@return any value the new one
function methods:update(key, fn, ttl)
  if type(fn) ~= "function" then
    loading.raise(("update takes a function that makes the new value, not %s"):format(words.show(fn)))
  end
  while true do
    local _, value, version = ask(self, "get", key)
    local new = change(fn, value)
    if ask(self, "swap", key, new, ttl, version) then
      return new
    end
  end
end

local names = words.names(methods)

-- While files load nothing is stored: each worker and each check would store it again.
local function guarded(verb)
  return function(...)
    if loading.active then
      loading.misuse(("shared:%s() is for running functions: while files load nothing is run"):format(verb))
      return loading.ghost
    end
    return methods[verb](...)
  end
end

local visible = {}
for _, verb in ipairs(names) do
  visible[verb] = guarded(verb)
end

local metatable = {
  __index = function(_, verb)
    if visible[verb] then
      return visible[verb]
    end
    return loading.unknown('shared data has no verb "%s"', verb, names, "verbs")
  end,
  __newindex = function(_, key)
    error(('write hits:set(%s, value)'):format(words.show(key)), 2)
  end,
  __json = "shared data: say :get(key)",
  __metatable = false,
}

---Data under a name that all workers share.
---@param name string
---@return moongate.Shared
function shared.named(name)
  local wrong = words.name_wrong("gate.shared", name)
  if wrong then
    loading.misuse(wrong)
    return loading.ghost
  end
  local handle = setmetatable({}, metatable)
  space_of[handle] = name
  return handle
end

return shared
