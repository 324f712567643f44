-- How stubbed backends answer: ok, status and failed make answers, `give` lands a call with one.

local json  = require "moongate.json_core"
local words = require "moongate.words"

local answer = {}

---@class moongate.Answer
---@field status integer?
---@field body any
---@field headers table<string, string>?
---@field kind string? how it failed
---@field message string?
local metatable = { __metatable = false }

local OPTIONS = { "headers" }

local function check_headers(headers)
  if type(headers) ~= "table" then
    error(("headers are a table of names and values, not %s"):format(words.show(headers)), 0)
  end
  for name, value in pairs(headers) do
    if type(name) ~= "string" or type(value) ~= "string" or value:find "[\r\n%z]" then
      error(("the header %s is no name with a text of one line"):format(words.show(name)), 0)
    end
  end
end

local function make(status, body, options)
  if type(status) ~= "number" or status % 1 ~= 0 or status < 200 or status > 599 then
    error(("a status is a number from 200 to 599, not %s"):format(words.show(status)), 0)
  end
  for key in pairs(options or {}) do
    if key ~= "headers" then
      local hint = words.hint(tostring(key), OPTIONS, "options")
      error(("an answer takes no %s%s"):format(words.show(key), hint), 0)
    end
  end
  local headers = options and options.headers or {}
  check_headers(headers)
  return setmetatable({ status = status, body = body, headers = headers }, metatable)
end

---A success. Of a service a table is JSON and a string text; of a database rows, a row or
---{ changes =, last_id = }; of Redis its value; of a folder what is read.
---@param body any
---@param options { headers: table<string, string>? }?
---@return moongate.Answer
function answer.ok(body, options)
  return make(200, body, options)
end

---An answer with this status; 404 of a database or a folder: no such row, no such file.
---@param status integer
---@param body any
---@param options { headers: table<string, string>? }?
---@return moongate.Answer
function answer.status(status, body, options)
  return make(status, body, options)
end

---@param kinds table<string, integer> the ways in which a call can fail
---@return fun(kind: string, message: string?): moongate.Answer
function answer.failing(kinds)
  return function(kind, message)
    if not kinds[kind] then
      local names = words.names(kinds)
      if kind == "status" then
        error('no failure "status": say status(500)', 0)
      end
      error(("no failure %s%s"):format(words.show(kind), words.hint(tostring(kind), names, "kinds")), 0)
    end
    return setmetatable({ kind = kind, message = message or kind }, metatable)
  end
end

---@param value any
---@return boolean
function answer.is(value)
  return type(value) == "table" and debug.getmetatable(value) == metatable
end

local function is_empty(value)
  return type(value) == "table" and next(value) == nil
end

local function encode(call, value)
  if value == nil then
    return call.verb == "run" and '{"changes":0,"last_id":null}' or "null"
  end
  local listed = call.verb == "query" or call.verb == "list" or call.verb == "atomic"
  return json.encode(listed and is_empty(value) and json.list {} or value, "the answer for " .. call.name)
end

local function has_type(headers)
  for name in pairs(headers) do
    if name:lower() == "content-type" then
      return true
    end
  end
  return false
end

-- The bytes of a service's answer, and its flat headers.
local function of_service(call, one)
  local flat, body = {}, one.body
  for _, name in ipairs(words.names(one.headers)) do
    flat[#flat + 1], flat[#flat + 2] = name, one.headers[name]
  end
  if body == nil then
    return "", flat
  end
  if not has_type(one.headers) then
    flat[#flat + 1] = "Content-Type"
    flat[#flat + 1] = type(body) == "string" and "text/plain" or "application/json"
  end
  return type(body) == "string" and body or encode(call, body), flat
end

-- The bytes of an answer, its flat headers, whether it is JSON where no header says so.
local function bytes_of(call, one)
  if call.kind == "http" or call.passed then
    return of_service(call, one)
  elseif one.status == 404 then
    return "", {}, true
  elseif one.status ~= 200 then
    error(("%s asks no service: ok, failed and status(404) are what it can be answered"):format(call.name), 0)
  elseif call.verb == "read" and type(one.body) ~= "string" then
    error(("%s reads a file: its answer is ok with a text"):format(call.name), 0)
  elseif type(one.body) == "string" and (call.verb == "read" or call.kind == "redis") then
    return one.body, {}, false
  end
  return encode(call, one.body), {}, true
end

---Lands a call.
---@param stage table
---@param id integer of the call
---@param call moongate.CallMade
---@param one moongate.Answer
function answer.give(stage, id, call, one)
  if one.kind then
    return stage.fail(id, stage.kinds[one.kind], one.message)
  end
  local body, headers, is_json = bytes_of(call, one)
  return stage.answer(id, one.status, headers, body, is_json)
end

return answer
