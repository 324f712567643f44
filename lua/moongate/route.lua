-- Routes as files declare them, and their canonical form, which C compiles into plans. What only
-- the compiled plan can show (unknown placeholders, cycles, equal patterns) is C's to find.

local call    = require "moongate.call"
local core    = require "moongate.core"
local input   = require "moongate.input"
local limits  = require "moongate.limits"
local lines   = require "moongate.lines"
local loading = require "moongate.loading"
local schema  = require "moongate.schema"
local value   = require "moongate.value"
local words   = require "moongate.words"

local route = {}

-- Roots of placeholders: they name what a request brings, so no parameter and no call.
local RESERVED = {
  query = true, headers = true, cookies = true, body = true, claims = true, context = true,
  params = true, req = true, each = true,
}

local METHODS = { "*", "DELETE", "GET", "PATCH", "POST", "PUT" }

local NOT_YET = {
  when = true, auth = true, rate = true, pass = true, limits = true, host = true,
  before = true, after = true, idle = true,
}

-- What of a call goes into its JSON.
local CALL_FIELDS = {}
for field in ([[kind backend verb path query headers json form text xml within optional accept relay
  needs forward sql value delay redirects file line]]):gmatch("%S+") do
  CALL_FIELDS[#CALL_FIELDS + 1] = field
end

-- The names of a path's parameters, in order. C checks the pattern itself.
local function params_of(path)
  local names = {}
  for name in path:gsub("{{", ""):gmatch("{([%a_][%w_]*)%.*}") do
    names[#names + 1] = name
  end
  return names
end

local function call_json(one) -- of an atomic one with the calls in it
  local json = {}
  for _, field in ipairs(CALL_FIELDS) do
    local given = rawget(one, field)
    if given ~= nil then
      json[field] = given
    end
  end
  if rawget(one, "has_fallback") then
    json.fallback = rawget(one, "fallback")
  end
  if one.args then
    json.args = core.list {}
    for i = 1, one.args.n do
      json.args[i] = one.args[i] == nil and core.null or one.args[i]
    end
  end
  if rawget(one, "calls") then
    json.calls = core.list {}
    for i, part in ipairs(one.calls) do
      json.calls[i] = call_json(part)
    end
  end
  return json
end

-- What is wrong with the name of a call, or nil.
local function name_wrong(name, params)
  if not name:find("^[%a_][%w_]*$") then
    return "no name for a call: letters, digits and _ make one"
  elseif RESERVED[name] then
    return "placeholders use this name for a part of the request: choose another one"
  end
  for _, param in ipairs(params) do
    if param == name then
      return "the path has a parameter of this name: choose another one"
    end
  end
  return nil
end

local function one_call(one, report)
  if one == loading.ghost then
    return nil
  elseif not call.is(one) then
    return report:fail("is not a call: write users:get(...)")
  end
  return one
end

-- Names in `needs` that are no calls of this route.
local function check_needs(calls, report)
  local names = words.names(calls)
  for name, one in pairs(calls) do
    for _, needed in ipairs(call.is(one) and one.needs or {}) do
      if not calls[needed] then
        report:push(name)
        report:fail_key("needs", ('needs "%s", which is no call of this route%s')
          :format(needed, words.hint(needed, names, "calls")))
        report:pop()
      end
    end
  end
end

local function calls_node(params)
  local node = schema.map(one_call, function(name)
    return name_wrong(name, params)
  end)
  return function(given, report)
    local calls = node(given, report)
    if calls then
      check_needs(given, report)
    end
    return calls
  end
end

local function reply_node(given, report)
  if type(given) == "function" then
    loading.functions[#loading.functions + 1] = given
    return { fn = #loading.functions }
  end
  return { template = value.node(given, report) }
end

local function shape(params)
  local within = limits.by_name.within
  return schema.table({
    within = schema.duration(within.min, within.max),
    input  = input.node(params),
    calls  = calls_node(params),
    reply  = reply_node,
  }, NOT_YET, { timeout = "within", response = "reply" })
end

local function check_path(path, report)
  for _, name in ipairs(params_of(path)) do
    if RESERVED[name] then
      report:fail(('{%s} cannot name a parameter: placeholders use it for a part of the request')
        :format(name))
    end
  end
end

local function canonical(method, path, checked)
  local json = {
    method = method, path = path, within = checked.within, input = checked.input,
    reply = checked.reply,
  }
  for name, one in pairs(checked.calls or {}) do
    json.calls = json.calls or {}
    json.calls[name] = call_json(one)
  end
  return json
end

local function add(file, line, json)
  json.file, json.line = file, line
  local ok, text = pcall(core.encode, json)
  if ok then
    loading.routes[#loading.routes + 1] = { json = text, file = file, line = line }
  else
    loading.report(file, line, tostring(text))
  end
end

-- Checks one declaration and keeps it.
local function declare(method, path, def)
  local file, line = loading.place()
  local report = schema.report()
  local checked = shape(params_of(path))(def, report)
  check_path(path, report)
  if #report.problems == 0 and not checked.calls and not checked.reply then
    report:fail("a route has calls, a reply or both: this one has neither")
  end
  for _, problem in ipairs(report.problems) do
    local at = lines.of_key(loading.texts[file] or "", line, problem.path)
    loading.report(file, at, problem.message, problem.category)
  end
  if #report.problems == 0 then
    add(file, line, canonical(method, path, checked))
  end
end

---Declares a route: `def` is a table, or its reply function.
---@param method string "GET" … or "*" for any
---@param path string such as "/account/{id}"
---@param def table|function
function route.declare(method, path, def)
  if not loading.active then
    loading.raise("routes are declared while files are loaded, not in a running function")
  elseif path == loading.ghost or def == loading.ghost then
    return
  elseif type(path) ~= "string" then
    return loading.misuse(("a route takes a path, not %s"):format(words.show(path)))
  elseif path:byte() ~= 47 then
    return loading.misuse(('a path begins with "/": write "/%s"'):format(path))
  elseif type(def) == "function" then
    def = { reply = def }
  elseif type(def) ~= "table" or call.is(def) then
    return loading.misuse(("a route takes a table or a function, not %s")
      :format(call.is(def) and "a call: write { calls = { name = ... } }" or words.show(def)))
  end
  declare(method, path, def)
end

---`gate.route(method, path, def)`.
function route.any(method, path, def)
  for _, known in ipairs(METHODS) do
    if method == known then
      return route.declare(method, path, def)
    end
  end
  if method == "HEAD" or method == "OPTIONS" then
    return loading.misuse(("%s comes for free: declare the route itself"):format(method))
  end
  local shown = tostring(method)
  return loading.misuse(('no method "%s"%s'):format(shown, words.hint(shown, METHODS, "methods")))
end

return route
