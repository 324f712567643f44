-- What may stand where JSON is written at load: in reply templates, and in the json, fallback and
-- value of calls. Running code needs no such check: the encoder names the key itself.

local core    = require "moongate.core"
local loading = require "moongate.loading"
local words   = require "moongate.words"

local value = {}

local DEPTH_MOST = 128 -- as in JSON that C reads

local function is_raw(one)
  return debug.getmetatable(one) ~= nil and debug.getmetatable(one) == debug.getmetatable(core.raw("0"))
end

-- "list" or "object", or nil and what is wrong with its keys.
local function form(one)
  local count, strings, length = 0, 0, #one
  for key in pairs(one) do
    if type(key) == "string" then
      strings = strings + 1
    elseif type(key) ~= "number" then
      return nil, ("%s cannot be a key in JSON"):format(words.show(key))
    end
    count = count + 1
  end
  if strings == count then
    if count > 0 and core.is_list(one) then
      return nil, ("a list has no key %s"):format(words.show((next(one))))
    end
    return core.is_list(one) and "list" or "object"
  elseif strings > 0 then
    return nil, "has list elements and keys: it can be a list or an object"
  elseif count ~= length then
    return nil, "a list must not have holes: write gate.null"
  end
  return "list"
end

local check

local function check_table(one, report)
  if report.depth > DEPTH_MOST then
    return report:fail("is nested too deeply, or contains itself")
  end
  local kind, wrong = form(one)
  if not kind then
    return report:fail(wrong)
  end
  for key, item in pairs(one) do
    report:push(key)
    check(item, report)
    report:pop()
  end
end

local function is_call(one)
  local meta = debug.getmetatable(one)
  return meta ~= nil and meta == require("moongate.call").metatable
end

-- Notes what JSON cannot express in `one`.
function check(one, report)
  local kind = type(one)
  if kind == "string" or kind == "boolean" or one == core.null or one == loading.ghost then
    return
  elseif kind == "number" then
    if one ~= one or one == math.huge or one == -math.huge then
      report:fail(("%s is no JSON number"):format(tostring(one)))
    end
  elseif kind == "function" or kind == "thread" then
    report:fail(("a %s is no JSON value"):format(kind))
  elseif is_raw(one) or kind ~= "table" then
    return
  elseif is_call(one) then
    report:fail('is a call: give it a name in calls, and write "{name.body}" here')
  elseif debug.getmetatable(one) and not core.is_list(one) then
    report:fail("is no JSON value: write plain tables")
  else
    check_table(one, report)
  end
end

---A schema node: any JSON value. Checked while loading only.
function value.node(one, report)
  if loading.active then
    check(one, report)
  end
  return one
end

return value
