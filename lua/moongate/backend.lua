-- Backends as route files see them: `users:get(path, options)` and the like describe calls.

local call    = require "moongate.call"
local core    = require "moongate.core"
local limits  = require "moongate.limits"
local loading = require "moongate.loading"
local options = require "moongate.options"
local redis   = require "moongate.redis"
local json    = require "moongate.value"
local words   = require "moongate.words"

local backend = {}

-- Said to be local, since every call that running code describes asks for them.
local getmetatable, next, setmetatable, type = getmetatable, next, setmetatable, type
local call_metatable = call.metatable

local KIND = { service = "services", database = "databases", files = "files", redis = "redis" }

-- Backend -> its name in gateway.lua: not a field, since all requests of a worker share backends.
local name_of = setmetatable({}, { __mode = "k" })

---@class moongate.Backend

-- A class of backends: `verbs` are its methods; `not_yet` the ones that are not built. `unknown` says
-- what is wrong with a verb that is none, where a list of all would be too long.
local function class(what, verbs, not_yet, unknown)
  local names = words.names(verbs)
  setmetatable(verbs, {
    __index = function(_, verb)
      if not_yet[verb] then
        loading.misuse(('not yet: "%s"'):format(verb), "not yet")
      elseif unknown then
        loading.misuse(unknown(tostring(verb)))
      else
        local shown = tostring(verb)
        loading.misuse(('a %s has no verb "%s"%s'):format(what, shown, words.hint(shown, names, "verbs")))
      end
      return function() return loading.ghost end
    end,
  })
  return {
    __index = verbs,
    __newindex = function()
      error(("a %s cannot be changed: gateway.lua describes it"):format(what), 2)
    end,
    __json = ("a %s: it has no value"):format(what),
    __metatable = false,
  }
end

-- False, and the misuse noted or raised, unless a verb was said with ":" and has a string.
local function usable(self, text, verb, what)
  if not name_of[self] then
    loading.misuse(('say backend:%s(...), with a colon'):format(verb))
    return false
  elseif type(text) ~= "string" then
    if text ~= loading.ghost then
      loading.misuse(("%s takes %s, not %s"):format(verb, what, words.show(text)))
    end
    return false
  end
  return true
end

-- What is wrong with a path of a service that a file spells out, or nil. Paths that running code
-- makes are for the core to judge.
local function path_wrong(path)
  if path:find("://", 1, true) and path:byte() ~= 47 then
    return 'the URL is in gateway.lua: write its path, such as "/users"'
  elseif path:byte() ~= 47 then
    return ('a path begins with "/": write "/%s"'):format(path)
  elseif path:find("[%c ]") then
    return "a path holds no white space: write %20"
  elseif path:find("#", 1, true) then
    return "a path has no fragment: write %23"
  elseif (path:match("^[^?]*") .. "/"):find("/%.%.?/") then
    return 'a path has no segment "." or ".."'
  end
  return nil
end

local function checked_options(given, verb)
  if given ~= nil and type(given) ~= "table" then
    loading.misuse(("%s takes a table of options, not %s"):format(verb, words.show(given)))
    return nil
  end
  return given
end

-- A verb of one service, `own`. What is said to another one is looked at closely, like all misuse.
local function http_verb(own, name, word, verb)
  local origin = call.origin(name, verb)
  return function(self, path, given)
    if self == own and not loading.active and type(path) == "string" then
      -- As running code makes most calls, without options or with params alone: the places that
      -- call.lua names. All others may need a closer look.
      if given == nil then
        return setmetatable({ origin, path }, call_metatable)
      elseif type(given) == "table" and getmetatable(given) == nil then
        local option, params = next(given)
        if option == "params" and type(params) == "table" and next(given, option) == nil then
          return setmetatable({ origin, path, params }, call_metatable)
        end
      end
      local plain = core.describe(origin, path, given)
      if plain then
        return plain
      end
    end
    if not usable(self, path, word, "a path") then
      return loading.ghost
    end
    local wrong = loading.active and path_wrong(path)
    if wrong then
      loading.misuse(wrong)
    end
    return call.new({ kind = "http", backend = name_of[self], verb = verb, path = path },
      checked_options(given, word))
  end
end

local HTTP = { get = "GET", post = "POST", put = "PUT", patch = "PATCH", delete = "DELETE",
  head = "HEAD", request = "*" }

-- Each service has verbs of its own, which know whom they ask.
local function service(own, name)
  local verbs = {}
  for word, verb in pairs(HTTP) do
    verbs[word] = http_verb(own, name, word, verb)
  end
  return class("service", verbs, {})
end

-- What a parameter of an SQL statement may be.
local function sql_arg(one)
  local kind = type(one)
  return one == nil or one == core.null or kind == "string" or kind == "number"
    or kind == "boolean" or kind == "userdata" or kind == "cdata" or one == loading.ghost
end

-- What is wrong with one call of an atomic list, or nil.
local function atomic_wrong(one, kind, name)
  if not call.is(one) then
    return "is no call"
  elseif one.kind ~= kind or one.backend ~= name then
    return ("goes to another backend than %s"):format(words.show(name))
  elseif one.verb == "atomic" then
    return "is atomic itself"
  end
  for _, option in ipairs { "within", "optional", "fallback", "accept", "relay", "needs", "when" } do
    if rawget(one, option) ~= nil then
      return ("has an option: give %s to atomic, behind the list"):format(option)
    end
  end
  return nil
end

-- `shop:atomic({ shop:run(...), shop:one(...) }, options)`: all of the calls or none of them.
local function atomic_verb(kind)
  return function(self, list, given)
    local name, parts = name_of[self], 0
    if not name then
      loading.misuse("say backend:atomic(...), with a colon")
      return loading.ghost
    elseif type(list) ~= "table" or list == core.null or call.is(list) or list == loading.ghost then
      if list ~= loading.ghost then
        loading.misuse(("atomic takes a list of calls, not %s"):format(call.is(list) and "a call"
          or words.show(list)))
      end
      return loading.ghost
    end
    for _ in pairs(list) do
      parts = parts + 1
    end
    if parts == 0 or parts ~= #list then
      loading.misuse(parts == 0 and "atomic takes at least one call" or "atomic takes a list, without names")
      return loading.ghost
    end
    local fine, kept = true, {}
    for i, one in ipairs(list) do
      local wrong = one ~= loading.ghost and atomic_wrong(one, kind, name)
      if wrong then
        loading.misuse(("call %d of atomic %s"):format(i, wrong))
      end
      fine, kept[i] = fine and not wrong and one ~= loading.ghost, one
    end
    return fine and call.new({ kind = kind, backend = name, verb = "atomic", calls = kept },
      checked_options(given, "atomic")) or loading.ghost
  end
end

local function sql_verb(verb)
  return function(self, sql, ...)
    if not usable(self, sql, verb, "SQL") then
      return loading.ghost
    end
    local args, given = { n = select("#", ...), ... }, nil
    if args.n > 0 and options.is(args[args.n]) then
      given, args[args.n], args.n = args[args.n], nil, args.n - 1
    end
    for i = 1, args.n do
      if not sql_arg(args[i]) then
        loading.misuse(("parameter %d of the SQL is %s: bind strings, numbers, booleans or gate.null")
          :format(i, words.show(args[i])))
      end
    end
    return call.new({ kind = "sql", backend = name_of[self], verb = verb, sql = sql, args = args }, given)
  end
end

local database = class("database", {
  query = sql_verb "query", one = sql_verb "one", run = sql_verb "run", atomic = atomic_verb "sql",
}, {})

local function file_verb(verb)
  return function(self, path, given)
    if not usable(self, path, verb, "a path") then
      return loading.ghost
    elseif path:byte() == 47 then
      loading.misuse(('paths are relative to the folder: write "%s"'):format((path:gsub("^/+", ""))))
    elseif ("/" .. path .. "/"):find("/../", 1, true) then
      loading.misuse('a path cannot leave the folder: write it without ".."')
    end
    return call.new({ kind = "file", backend = name_of[self], verb = verb, path = path },
      checked_options(given, verb))
  end
end

local files = class("files", {
  read = file_verb "read", json = file_verb "json", stat = file_verb "stat",
  list = file_verb "list",
}, {})

local function redis_call(self, name, args, given)
  local wrong = redis.wrong(name, args)
  if wrong then
    loading.misuse(wrong)
  end
  for i = 1, args.n do
    if not sql_arg(args[i]) then
      loading.misuse(("argument %d of %s is %s: write strings, numbers or booleans")
        :format(i, name:upper(), words.show(args[i])))
    elseif loading.active and (args[i] == nil or args[i] == core.null) then
      loading.misuse(("argument %d of %s is missing"):format(i, name:upper()))
      args[i] = ""
    end
  end
  return call.new({ kind = "redis", backend = name_of[self], verb = name:upper(), args = args }, given)
end

-- The arguments of a command, and the options behind them.
local function arguments(...)
  local args, given = { n = select("#", ...), ... }, nil
  if args.n > 0 and options.is(args[args.n]) then
    given, args[args.n], args.n = args[args.n], nil, args.n - 1
  end
  return args, given
end

local redis_verbs = {}

for name in pairs(redis.commands) do
  redis_verbs[name] = function(self, ...)
    if not usable(self, name, name) then
      return loading.ghost
    end
    return redis_call(self, name, arguments(...))
  end
end

---`cache:command("NAME", ...)`: any command by its name.
function redis_verbs.command(self, name, ...)
  if not usable(self, name, "command", "the name of a command") then
    return loading.ghost
  end
  return redis_call(self, name, arguments(...))
end

redis_verbs.atomic = atomic_verb "redis"

local redis_class = class("Redis", redis_verbs, {}, redis.unknown)

local CLASSES = { database = database, files = files, redis = redis_class }
local made = { service = {}, database = {}, files = {}, redis = {} }

---The backend that gateway.lua declares under this name.
---@param kind "service"|"database"|"files"|"redis"
---@param name string
---@return moongate.Backend
function backend.named(kind, name)
  local known = made[kind][name]
  if known then
    return known
  end
  local declared = loading.names[kind]
  if type(name) ~= "string" then
    loading.misuse(('gate.%s takes a name, not %s'):format(kind, words.show(name)))
    return loading.ghost
  elseif declared and not declared[name] then
    local hint = words.hint(name, words.names(declared), KIND[kind])
    loading.misuse(('no %s "%s" in gateway.lua%s'):format(kind, name, hint))
  end
  local one = {}
  setmetatable(one, CLASSES[kind] or service(one, name))
  name_of[one] = name
  made[kind][name] = one
  return one
end

-- What is wrong with what gate.each is given, or nil.
local function each_wrong(list, one)
  if type(list) ~= "string" then
    return ('gate.each takes a list, such as "{orders.body[].id}", not %s'):format(words.show(list))
  elseif not call.is(one) then
    return ('gate.each takes a call, such as users:get "/users/{each}", not %s'):format(words.show(one))
  elseif one.kind == "each" then
    return "gate.each takes a call of a backend, not another gate.each"
  elseif one.needs or one.when then
    return ("%s is about the whole: put it into the options of gate.each")
      :format(one.needs and "needs" or "when")
  end
  return nil
end

---`gate.each("{orders.body[].id}", users:get "/users/{each}", { at_once = 8 })`: one call for each
---element of a list.
---@param list string
---@param one moongate.Call
---@param given table? options
---@return moongate.Call
function backend.each(list, one, given)
  if not loading.active then
    loading.raise("gate.each is for plans: in a running function, write gate.map(list, fn)")
  elseif list == loading.ghost or one == loading.ghost then
    return loading.ghost
  end
  local wrong = each_wrong(list, one)
  if wrong then
    loading.misuse(wrong)
    return loading.ghost
  end
  return call.new({ kind = "each", list = list, call = one, at_once = limits.each_at_once },
    checked_options(given, "gate.each"))
end

---`gate.value(x, { delay = "100ms" })`: a constant, late if asked.
---@param value any a JSON value
---@param given table? options
---@return moongate.Call
function backend.value(value, given)
  if value == nil then
    value = core.null
  elseif loading.active then
    call.check(value, "value", json.node)
  end
  return call.new({ kind = "value", value = value }, checked_options(given, "gate.value"))
end

return backend
