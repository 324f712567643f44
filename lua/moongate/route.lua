-- Routes as files declare them, and their canonical form, which C compiles into plans. What only
-- the compiled plan can show (unknown placeholders, cycles, equal patterns) is C's to find.

local call    = require "moongate.call"
local core    = require "moongate.core"
local input   = require "moongate.input"
local limits  = require "moongate.limits"
local loading = require "moongate.loading"
local schema  = require "moongate.schema"
local units   = require "moongate.units"
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
  when = true, auth = true, rate = true,
}

-- Those of them that groups may have, too.
route.not_yet = { auth = true, rate = true }

-- What of a call goes into its JSON.
local CALL_FIELDS = {}
for field in ([[kind backend verb path query headers json form text xml within optional accept relay
  needs forward sql value delay redirects list at_once when file
  line]]):gmatch("%S+") do
  CALL_FIELDS[#CALL_FIELDS + 1] = field
end

-- The names of the parameters of a path or host, in order. C checks the pattern itself.
local function params_of(pattern, names)
  names = names or {}
  for name in pattern:gsub("{{", ""):gmatch("{([%a_][%w_]*)%.*}") do
    names[#names + 1] = name
  end
  return names
end

---The names of the parameters that a route or group has, of its host first.
---@param around table? what groups say
---@param path string its own
---@param def table its own keys, unchecked
---@return string[]
function route.params(around, path, def)
  local own = type(def) == "table" and rawget(def, "host")
  local host = type(own) == "string" and own or around and around.host or ""
  return params_of((around and around.prefix or "") .. path, params_of(host))
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
  if rawget(one, "call") then
    json.call = call_json(one.call)
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

-- What a call whose answer goes to the client unread cannot have, and why.
local NOT_PASSED = {
  json = "the body is the client's", form = "the body is the client's",
  text = "the body is the client's", xml = "the body is the client's",
  optional = "the answer is the reply, whatever it is", fallback = "the answer is the reply",
  accept = "every status is passed on", relay = "every status is passed on",
  redirects = "a redirect is passed on", when = "the answer is the reply, so the call is made",
}

-- Why the answer of a call cannot be passed on, or nil.
local function unpassable(one)
  if one.kind == "http" and one.verb == "HEAD" then
    return "the answer to a HEAD has no body: write get, which is a HEAD when the client's is one"
  elseif one.kind == "http" or (one.kind == "file" and one.verb == "read") then
    return nil
  elseif one.kind == "file" then
    return ("a file is passed by read, as it is: write pages:read(...), not %s"):format(one.verb)
  end
  return "passes a call of a service, or a file: write users:get(...) or pages:read(...)"
end

local function pass_node(given, report)
  local one = one_call(given, report)
  if not one then
    return nil
  end
  local wrong = unpassable(one)
  if wrong then
    return report:fail(wrong)
  end
  for option, why in pairs(NOT_PASSED) do
    if rawget(one, option) ~= nil then
      report:fail_key(option, ("%s: %s"):format(option, why))
    end
  end
  return one
end

local function reply_node(given, report)
  if type(given) == "function" then
    return { fn = loading.keep(given) }
  end
  return { template = value.node(given, report) }
end

-- Functions around a route, as a list of one.
local function around_node(given, report)
  if type(given) ~= "function" then
    return report:fail(("must be a function, not %s"):format(words.show(given)))
  end
  return { loading.keep(given) }
end

local function limits_node()
  local keys, elsewhere = {}, {}
  for name in pairs(limits.by_name) do
    elsewhere[name] = "bounds what requests share: set it in the limits of gateway.lua"
  end
  for _, name in ipairs(limits.of_routes) do
    keys[name] = schema.limit(limits.by_name[name])
  end
  keys.body = schema.size(limits.by_name.body.min, limits.passed_body)
  elsewhere.within = 'is a key of the route itself: write within = "2s" beside limits'
  return schema.table(keys, nil, nil, elsewhere)
end

local route_limits = limits_node()

local function host_wrong(host)
  if host == "" then
    return 'names no host: write one such as "api.example.com" or "{tenant}.example.com"'
  elseif host:find("[%s/:@?#]") then
    return "a host stands alone, without scheme, port or path"
  end
  return nil
end

---The keys that routes and groups have in common.
---@param params string[]
---@return table<string, function> nodes
function route.common(params)
  local within = limits.by_name.within
  return {
    within = schema.duration(within.min, within.max),
    input  = input.node(params),
    host   = schema.string(host_wrong),
    limits = route_limits,
    before = around_node,
    after  = around_node,
  }
end

local function shape(params)
  local idle, keys = limits.by_name.pass_idle, route.common(params)
  keys.calls, keys.reply, keys.pass = calls_node(params), reply_node, pass_node
  keys.idle = schema.duration(idle.min, idle.max)
  return schema.table(keys, NOT_YET, { timeout = "within", response = "reply" })
end

-- Both tables in one; what is in `inner` wins.
local function both(outer, inner)
  if not outer or not inner then
    return inner or outer
  end
  local all = {}
  for _, part in ipairs { outer, inner } do
    for key, one in pairs(part) do
      all[key] = one
    end
  end
  return all
end

local function both_inputs(outer, inner)
  local all = both(outer, inner)
  if outer and inner then
    for place in pairs(all) do
      all[place] = both(outer[place], inner[place])
    end
  end
  return all
end

local function joined(first, second)
  local list = {}
  for _, part in ipairs { first or {}, second or {} } do
    for _, one in ipairs(part) do
      list[#list + 1] = one
    end
  end
  return #list > 0 and core.list(list) or nil
end

---What holds for a route or group: what the groups around it say, and what it says itself.
---@param around table?
---@param own table checked
---@param prefix string? a group's own
---@return table
function route.inherit(around, own, prefix)
  around = around or { prefix = "" }
  local all = both(around, own)
  all.input = both_inputs(around.input, own.input)
  all.limits = both(around.limits, own.limits)
  all.before = joined(around.before, own.before)
  all.after = joined(own.after, around.after)
  all.prefix = around.prefix .. (prefix or "")
  return all
end

local function check_params(params, report)
  for _, name in ipairs(params) do
    if RESERVED[name] then
      report:fail(('{%s} cannot name a parameter: placeholders use it for a part of the request')
        :format(name))
    end
  end
end

-- A body that is collected lies in memory, one that is passed does not.
local function check_body_limit(checked, report)
  local body, limit = checked.limits and checked.limits.body, limits.by_name.body
  if body and body > limit.max and not checked.pass then
    report:push("limits")
    report:push("body")
    report:fail(("must be from %s to %s where the body is not passed")
      :format(units.write_size(limit.min), units.write_size(limit.max)))
    report:pop()
    report:pop()
  end
end

-- What does not go together, and what is missing.
local function check_whole(def, checked, report)
  if checked then
    check_body_limit(checked, report)
  end
  local given = function(key) return type(def) == "table" and rawget(def, key) ~= nil end
  if #report.problems == 0 and not checked.calls and not checked.reply and not given "pass" then
    report:fail("a route has calls, a reply, or pass: this one has none of them")
  elseif given "pass" and given "reply" then
    report:fail_key("reply", "reply: the route has pass, so the reply is the answer of that call")
  elseif given "idle" and not given "pass" then
    report:fail_key("idle", "idle: it bounds what pass streams, and the route has no pass")
  elseif checked and checked.pass and checked.input and checked.input.body then
    report:push("input")
    report:fail_key("body", "body: it goes through pass unread, so it cannot be checked")
    report:pop()
  end
end

local function canonical(method, path, checked)
  local json = {
    method = method, host = checked.host, path = path, within = checked.within, input = checked.input,
    reply = checked.reply, limits = checked.limits, idle = checked.idle,
    before = checked.before, after = checked.after,
    pass = checked.pass and call_json(checked.pass),
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
local function declare(method, path, def, around)
  local file, line = loading.place()
  local report, params = schema.report(), route.params(around, path, def)
  local checked = shape(params)(def, report)
  checked = checked and route.inherit(around, checked)
  check_params(params, report)
  check_whole(def, checked, report)
  loading.note(report, file, line)
  if #report.problems == 0 then
    add(file, line, canonical(method, checked.prefix .. path, checked))
  end
end

-- What is wrong with the path of a route, or nil.
local function path_wrong(path, around)
  if type(path) ~= "string" then
    local dotted = type(path) == "table" and 'a route takes a path: write api.get("/x", ...), with a dot'
    return dotted or ("a route takes a path, not %s"):format(words.show(path))
  elseif path:byte() ~= 47 and not (path == "" and around and around.prefix ~= "") then
    return ('a path begins with "/": write "/%s"'):format(path)
  end
  return nil
end

---Declares a route: `def` is a table, or its reply function.
---@param method string "GET" … or "*" for any
---@param path string such as "/account/{id}"; in a group with a prefix also ""
---@param def table|function
---@param around table? what the groups around it say
function route.declare(method, path, def, around)
  if not loading.active then
    loading.raise("routes are declared while files are loaded, not in a running function")
  elseif path == loading.ghost or def == loading.ghost then
    return
  end
  local wrong = path_wrong(path, around)
  if wrong then
    return loading.misuse(wrong)
  elseif type(def) == "function" then
    def = { reply = def }
  elseif type(def) ~= "table" or call.is(def) then
    return loading.misuse(("a route takes a table or a function, not %s")
      :format(call.is(def) and "a call: write { calls = { name = ... } }" or words.show(def)))
  end
  declare(method, path, def, around)
end

---`gate.route(method, path, def)`.
function route.any(method, path, def, around)
  for _, known in ipairs(METHODS) do
    if method == known then
      return route.declare(method, path, def, around)
    end
  end
  if method == "HEAD" or method == "OPTIONS" then
    return loading.misuse(("%s comes for free: declare the route itself"):format(method))
  end
  local shown = tostring(method)
  return loading.misuse(('no method "%s"%s'):format(shown, words.hint(shown, METHODS, "methods")))
end

return route
