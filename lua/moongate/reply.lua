-- What functions answer with: gate.reply, gate.redirect, gate.fail, and what a returned value
-- becomes: a table is JSON, a string is text.

local core    = require "moongate.core"
local header  = require "moongate.header"
local problem = require "moongate.problem"
local words   = require "moongate.words"

local reply = {}

local KEYS = { status = true, headers = true, json = true, text = true, html = true, body = true }
local BODIES = { "json", "text", "html", "body" }
local TYPES = {
  json = "application/json", text = "text/plain; charset=utf-8", html = "text/html; charset=utf-8",
  body = "application/octet-stream",
}

local metatable = { __json = "a reply: it cannot be a part of another", __metatable = false }
reply.metatable = metatable

local function status_wrong(status)
  if status ~= nil and (type(status) ~= "number" or status % 1 ~= 0 or status < 200 or status > 599) then
    return ("status is a whole number from 200 to 599, not %s"):format(words.show(status))
  end
end

---@class moongate.Reply
---@field status integer? 200 unless given
---@field headers table<string, string|string[]>?
---@field json any
---@field text string?
---@field html string?
---@field body string?

---A reply in full: `status`, `headers`, and one of `json`, `text`, `html`, `body`.
---@param fields moongate.Reply
---@return table reply
function reply.reply(fields)
  if type(fields) ~= "table" then
    error(("gate.reply takes a table, not %s"):format(words.show(fields)), 2)
  end
  local made = {}
  for key, value in pairs(fields) do
    if not KEYS[key] then
      error(("gate.reply: unknown key %s%s"):format(words.show(key),
        words.hint(tostring(key), words.names(KEYS), "keys")), 2)
    end
    made[key] = value
  end
  local wrong = status_wrong(made.status)
  if wrong then
    error("gate.reply: " .. wrong, 2)
  end
  return setmetatable(made, metatable)
end

---@param url string
---@param status integer? 302 unless given
---@return table reply
function reply.redirect(url, status)
  local wrong = type(url) ~= "string" and "takes a URL" or header.value(url) or status_wrong(status)
  if wrong then
    error(("gate.redirect: %s"):format(wrong), 2)
  end
  return setmetatable({ status = status or 302, headers = { location = url }, text = "" }, metatable)
end

local function add_header(list, name, value)
  local wrong = header.name(name)
    or (type(value) ~= "string" and type(value) ~= "number"
      and ("%s must be a string, not %s"):format(name, words.show(value)))
    or header.value(tostring(value))
  if wrong then
    error("headers: " .. wrong, 0)
  end
  list[#list + 1], list[#list + 2] = name, tostring(value)
end

---The headers of a reply as a flat list { name, value, name, value }, in byte order of the names.
---@param headers table<string, string|string[]>?
---@return string[] list
---@return table<string, true> present names in lower case
function reply.headers(headers)
  local list, present = {}, {}
  if headers == nil then
    return list, present
  elseif type(headers) ~= "table" then
    error(("headers: must be a table, not %s"):format(words.show(headers)), 0)
  end
  for name in pairs(headers) do
    if type(name) ~= "string" then
      error(("headers: a name is a string, not %s"):format(words.show(name)), 0)
    end
  end
  for _, name in ipairs(words.names(headers)) do
    local value = headers[name]
    present[name:lower()] = true
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      add_header(list, name, one)
    end
  end
  return list, present
end

-- What gate.fail is given besides status and detail; raises what cannot be sent.
local function problem_fields(given)
  local fields = { members = {} }
  for key, value in pairs(given) do
    if type(key) ~= "string" then
      error(("a member's name is a string, not %s"):format(words.show(key)), 0)
    elseif key == "headers" then
      fields.headers = value
      reply.headers(value)
    else
      fields.members[key] = value
    end
  end
  core.encode(fields.members, "members")
  return fields
end

---Ends the request with a problem.
---@param status integer 400 to 599
---@param detail string?
---@param members table? `headers` are sent with it, all else become members of the problem
function reply.fail(status, detail, members)
  if type(status) ~= "number" or status % 1 ~= 0 or status < 400 or status > 599 then
    error(("gate.fail: the status is a whole number from 400 to 599, not %s"):format(words.show(status)), 2)
  elseif members ~= nil and type(members) ~= "table" then
    error(("gate.fail: members are a table, not %s"):format(words.show(members)), 2)
  end
  local ok, fields = pcall(problem_fields, members or {})
  if not ok then
    error("gate.fail: " .. fields:gsub("^moongate[%w_.]*:%d+: ", ""), 2)
  end
  problem.raise(status, detail and tostring(detail), fields)
end

local function body_of(made)
  local kind
  for _, candidate in ipairs(BODIES) do
    if made[candidate] ~= nil then
      if kind then
        error(("reply: %s and %s: a reply has one body"):format(kind, candidate), 0)
      end
      kind = candidate
    end
  end
  if not kind then
    return "", nil
  elseif kind == "json" then
    return core.encode(made.json, "json"), kind
  elseif type(made[kind]) ~= "string" then
    error(("reply: %s must be a string, not %s"):format(kind, words.show(made[kind])), 0)
  end
  return made[kind], kind
end

local function of_reply(made)
  local wrong = status_wrong(made.status) -- a script may have changed it
  if wrong then
    error("reply: " .. wrong, 0)
  end
  local list, present = reply.headers(made.headers)
  local body, kind = body_of(made)
  if kind and not present["content-type"] and (body ~= "" or kind == "json") then
    list[#list + 1], list[#list + 2] = "Content-Type", TYPES[kind]
  end
  return made.status or 200, list, body
end

---What becomes of a function's return value that is neither JSON nor a text: those the core takes.
---@param value any
---@return integer status
---@return string[] headers flat
---@return string body
function reply.of(value)
  if type(value) == "table" then
    return of_reply(value)
  end
  local kind = type(value)
  local detail = ("the route's function returned %s: a table (JSON), a string (text) or "
    .. "gate.reply { ... } is wanted"):format(kind == "nil" and "nothing" or words.show(value))
  problem.raise(500, detail, { log = detail })
end

return reply
