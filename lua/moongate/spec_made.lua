-- What specs see of a call that was made, and of a reply.

local json = require "moongate.json_core"

local made = {}

-- Names in lower case, repeated fields joined as HTTP does (RFC 9110 §5.3); looked up in any case.
local any_case = {
  __index = function(headers, name)
    return type(name) == "string" and rawget(headers, name:lower()) or nil
  end,
}

local function headers_of(list)
  local headers = {}
  for _, field in ipairs(list) do
    local name = field[1]:lower()
    headers[name] = headers[name] and headers[name] .. ", " .. field[2] or field[2]
  end
  return setmetatable(headers, any_case)
end

local function decode(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(digits)
    return string.char(tonumber(digits, 16))
  end))
end

local function query_of(search)
  local query = {}
  for name, value in (search or ""):gmatch "([^&=]+)=?([^&]*)" do
    name, value = decode(name), decode(value)
    local before = query[name]
    if type(before) == "table" then
      before[#before + 1] = value
    else
      query[name] = before and { before, value } or value
    end
  end
  return query
end

local function json_of(text)
  return (json.decode(text))
end

---@class moongate.CallMade
---@field name string the call's name; of one without, its backend's
---@field backend string
---@field kind "http"|"sql"|"file"|"redis"|"value"|"compute"|"task"
---@field method string? http
---@field path string? http, file
---@field target string? http: path and query as they are sent
---@field query table<string, string|string[]>? http
---@field headers table<string, string>? http
---@field text string what it sends
---@field json any the same, decoded
---@field body any json, or text where that is none
---@field verb string? sql, file, redis; compute: the function; task: start, get, result, cancel
---@field sql string?
---@field args any sql, compute: a list; task: what it is started with
---@field module string? compute
---@field task string? task: its name
---@field ticket string? task: the id
---@field owner string? task
---@field parts table[]? sql: of a transaction
---@field command string[]? redis
---@field commands string[][]? redis: of a transaction
---@field at number ms from the beginning of the request
---@field ended number? the same, when it landed
---@field how string? how it ended: "ok", "timeout", "cancelled", "unheard" ...; nil: it is open

local SENT = { text = true, json = true, body = true } -- made when it is looked at

---@param stage table
---@param news table of the event
---@param began number
---@return moongate.CallMade
function made.call(stage, news, began)
  local hidden = { id = news.id, planned = news.planned, passed = news.passed }
  local call = news
  call.at = news.at - began
  if call.kind == "http" then
    call.headers, call.query = headers_of(call.headers), query_of(call.search)
  end
  for _, key in ipairs { "event", "run", "id", "planned", "passed", "search" } do
    call[key] = nil
  end
  return setmetatable(call, {
    __index = function(_, key)
      if SENT[key] and not hidden.text then
        hidden.text = stage.sent(hidden.id)
        hidden.json = json_of(hidden.text)
        hidden.body = hidden.json
        if hidden.body == nil then
          hidden.body = hidden.text
        end
      end
      return hidden[key]
    end,
  })
end

---The reply: status, and its body as json or text; also headers, body and text, which are not among
---what is compared.
---@param news table of the event
---@param text string
---@return table
function made.reply(news, text)
  local headers = headers_of(news.headers)
  local kind = (headers["content-type"] or ""):match "^[^;%s]*"
  local reply = { status = news.status }
  if kind == "application/json" or kind:find "%+json$" then
    reply.json = json_of(text)
  elseif text ~= "" then
    reply.text = text
  end
  local more = { headers = headers, text = text, whole = news.whole, body = reply.json }
  if more.body == nil then
    more.body = text
  end
  return setmetatable(reply, { __index = more })
end

return made
