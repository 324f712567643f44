-- The options that calls take, for each kind of backend.

local core    = require "moongate.core"
local header  = require "moongate.header"
local limits  = require "moongate.limits"
local loading = require "moongate.loading"
local schema  = require "moongate.schema"
local value   = require "moongate.value"
local words   = require "moongate.words"

local options = {}

local NOT_YET = { cache = true, hedge = true, retries = true, stale = true }
local ALIASES = { timeout = "within", body = "json", data = "json", default = "fallback" }

local within = limits.by_name.within

local function scalar(one, report)
  local kind = type(one)
  if one == core.null then
    -- From data it is a value that is missing, which the core reports as such.
    return loading.active and report:fail("must not be gate.null") or one
  end
  if kind == "string" or kind == "number" or kind == "boolean" or kind == "userdata"
    or kind == "cdata" then
    return one
  end
  return report:fail(("must be a string, a number or a boolean, not %s"):format(words.show(one)))
end

local scalars = schema.list(scalar)

-- A list says its name once per element.
local function scalar_or_list(one, report)
  if type(one) == "table" and one ~= core.null then
    return scalars(one, report)
  end
  return scalar(one, report)
end

local function header_value(one, report)
  local wrong = type(one) == "string" and header.value(one)
  if wrong then
    return report:fail(wrong)
  end
  return scalar(one, report)
end

local function params(one, report)
  if loading.active then
    return report:fail('params is for calls made in a running function: here, write "{name}" in the '
      .. "path, of a parameter or an earlier result")
  elseif type(one) ~= "table" then
    return report:fail(("must be a table, not %s"):format(words.show(one)))
  end
  return one
end

local name = schema.string(function(text)
  return not text:find("^[%a_][%w_]*$") and ('"%s" is no name of a call'):format(text) or nil
end)

local function any_or_names(check)
  return schema.word_or("*", "*", schema.list(schema.string(check)))
end

local forward = schema.table {
  headers = any_or_names(header.name),
  query   = any_or_names(),
}

local values = schema.list(value.node)

-- Always a list, so that one argument that is a list stays one.
local function arguments(one, report)
  if type(one) ~= "table" or one == core.null or (next(one) ~= nil and #one == 0) then
    return report:fail(("must be a list of arguments, such as { \"{body}\" }, not %s")
      :format(type(one) == "table" and "a table with names" or words.show(one)))
  end
  local before = #report.problems
  local checked = values(one, report)
  return #report.problems == before and checked or nil
end

local names = schema.list(name)

local function needs(one, report)
  if not loading.active then
    return report:fail "needs is for plans: in a running function, wait for the other call first"
  end
  return names(one, report)
end

-- A function of a plan, by its number.
local function when(one, report)
  if type(one) ~= "function" then
    return report:fail(("must be a function, not %s"):format(words.show(one)))
  elseif not loading.active then
    return report:fail "when is for plans: in a running function, write if"
  end
  return loading.keep(one)
end

local COMMON = {
  within   = schema.duration(within.min, within.max),
  optional = schema.boolean,
  fallback = value.node,
  accept   = schema.list(schema.integer(200, 599)),
  relay    = schema.list(schema.integer(300, 599)),
  needs    = needs,
  when     = when,
}

local HTTP = {
  query     = schema.map(scalar_or_list),
  headers   = header.map(header_value),
  json      = value.node,
  form      = schema.map(scalar_or_list),
  text      = schema.string(),
  xml       = schema.string(),
  params    = params,
  redirects = schema.integer(0, 3),
  forward   = forward,
}

local function with_common(own)
  local keys = {}
  for key, node in pairs(COMMON) do
    keys[key] = node
  end
  for key, node in pairs(own) do
    keys[key] = node
  end
  return keys
end

options.http  = schema.table(with_common(HTTP), NOT_YET, ALIASES)
options.redis = schema.table(COMMON, NOT_YET, ALIASES)
options.sql   = schema.table(COMMON, NOT_YET, ALIASES)
options.file  = schema.table(with_common { params = params }, NOT_YET, ALIASES)
options.each  = schema.table({
  within = COMMON.within, optional = COMMON.optional, fallback = COMMON.fallback, needs = COMMON.needs,
  when = when,
  at_once = schema.integer(1, limits.by_name.each.max),
}, NOT_YET, ALIASES, {
  accept = "is about one element: put it into the options of the call",
  relay  = "is about one element: put it into the options of the call",
})
options.compute = schema.table(with_common { args = arguments }, NOT_YET, ALIASES)
options.value = schema.table(with_common { delay = schema.duration(0, within.max) }, NOT_YET, ALIASES)

local BODIES = { "json", "form", "text", "xml" }

---What is wrong between the options of an HTTP call, if anything.
---@param given table
---@param verb string
---@return string? wrong
---@return string? key
function options.conflict(given, verb)
  local body
  for _, kind in ipairs(BODIES) do
    if rawget(given, kind) ~= nil then
      if body then
        return ("%s and %s: a request has one body"):format(body, kind), kind
      end
      body = kind
    end
  end
  if body and (verb == "GET" or verb == "HEAD") then
    return ("%s: a %s has no body: say post, put or patch"):format(body, verb), body
  end
  return nil
end

---True if the last argument of a verb is its options: a plain table, no JSON value. One that was decoded
---is data: a client could else say with `fallback` what a database has for it.
---@param one any
---@return boolean
function options.is(one)
  return type(one) == "table" and one ~= core.null and not core.is_list(one) and not core.is_decoded(one)
    and (debug.getmetatable(one) == nil or one == loading.ghost)
end

return options
