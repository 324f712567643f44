-- Groups: `gate.group("/api", { within = "1s" }, function(api) api.get(...) end)`. What a group says
-- holds for every route declared in it, and for groups in it; what is nearer to the route wins.

local call    = require "moongate.call"
local loading = require "moongate.loading"
local route   = require "moongate.route"
local sandbox = require "moongate.sandbox"
local schema  = require "moongate.schema"
local words   = require "moongate.words"

local group = {}

local METHODS = {
  get = "GET", post = "POST", put = "PUT", patch = "PATCH", delete = "DELETE",
}

-- Of a route, but not of a group.
local ELSEWHERE = {}
for _, name in ipairs { "calls", "reply", "pass", "idle" } do
  ELSEWHERE[name] = "is a key of routes: a group holds what its routes have in common"
end

-- What is wrong with a prefix, or nil.
local function prefix_wrong(prefix)
  if type(prefix) ~= "string" then
    return ("a group takes the prefix of its paths, not %s"):format(words.show(prefix))
  elseif prefix ~= "" and prefix:byte() ~= 47 then
    return ('a prefix begins with "/": write "/%s"'):format(prefix)
  elseif prefix:sub(-1) == "/" then
    return ('a prefix does not end with "/", its paths begin with it: write "%s"')
      :format(prefix:match("^(.-)/*$"))
  elseif prefix:gsub("{{", ""):find("%.%.%.}") then
    return "{name...} takes the rest of a path: a group's prefix goes on"
  end
  return nil
end

-- Notes what is wrong with the group's keys, each where it stands; what the group says, within
-- what is said around it.
local function checked(prefix, keys, around)
  local file, line = loading.place()
  local report = schema.report()
  local node = schema.table(route.common(route.params(around, prefix, keys)), route.not_yet, nil, ELSEWHERE)
  local own = node(keys, report)
  loading.note(report, file, line)
  return route.inherit(around, own or {}, prefix)
end

-- Group -> the prefix of its paths.
local prefixes = setmetatable({}, { __mode = "k" })

---The prefix of a group's paths, of `gate` itself the empty one; nil when it is neither.
---@param api any
---@return string?
function group.prefix_of(api)
  return prefixes[api]
end

---`gate` is a group, too.
---@param gate table
function group.outermost(gate)
  prefixes[gate] = ""
end

---Gives a table the verbs that declare routes and groups.
---@param api table
---@param around table? what is said around them
function group.verbs(api, around)
  for word, method in pairs(METHODS) do
    api[word] = function(path, def)
      return route.declare(method, path, def, around)
    end
  end
  function api.route(method, path, def)
    return route.any(method, path, def, around)
  end
  function api.group(...)
    return group.declare(around, ...)
  end
end

-- What a group's function gets: verbs as `gate` has them, for paths below the prefix.
local function door(around)
  local api = {}
  group.verbs(api, around)
  local names = words.names(api)
  setmetatable(api, {
    __index = function(_, key)
      return loading.unknown("a group has no %s", key, names, "verbs")
    end,
  })
  local visible = sandbox.read_only(api, "a group")
  prefixes[visible] = around.prefix
  return visible
end

---Declares what `fn` declares, within a group.
---@param around table? what is said around it
---@param prefix string of its paths; may be empty
---@param keys table|function
---@param fn function? gets the group; second where there are no keys
function group.declare(around, prefix, keys, fn)
  if not loading.active then
    loading.raise("groups are declared while files are loaded, not in a running function")
  elseif fn == nil and type(keys) == "function" then
    keys, fn = {}, keys
  end
  local wrong = prefix_wrong(prefix)
  if wrong then
    return loading.misuse(wrong)
  elseif type(keys) ~= "table" or call.is(keys) then
    return loading.misuse(("a group takes a table of keys and a function, not %s"):format(words.show(keys)))
  elseif type(fn) ~= "function" then
    return loading.misuse("a group takes a function last: function(api) api.get(...) end")
  end
  fn(door(checked(prefix, keys, around)))
end

return group
