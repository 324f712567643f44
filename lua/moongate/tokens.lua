-- Cuts Lua source into tokens, so that a key of a table can be traced to its line. It never fails:
-- what it does not know becomes a token of one byte, what has no end ends with the text.

local tokens = {}

---@class moongate.Token
---@field kind "name"|"string"|"number"|"op"
---@field text string a name, a string's contents, a number or an operator as written
---@field line integer the line on which it starts

local ESCAPES = { n = "\n", t = "\t", r = "\r", a = "\a", b = "\b", f = "\f", v = "\v" }

local function unescape(body)
  if not body:find("\\", 1, true) then
    return body
  end
  return (body:gsub("\\(%D?%d?%d?%d?)", function(code)
    local byte = tonumber(code)
    if byte then
      return byte < 256 and string.char(byte) or nil
    end
    return (ESCAPES[code:sub(1, 1)] or code:sub(1, 1)) .. code:sub(2)
  end))
end

-- The end of a long bracket that opens at `at`, and its contents; nil if none opens there.
local function long_bracket(text, at)
  local _, open, level = text:find("^%[(=*)%[", at)
  if not open then
    return nil
  end
  local close, last = text:find("]" .. level .. "]", open + 1, true)
  return last or #text, text:sub(open + 1, (close or #text + 1) - 1)
end

-- The end of a quoted string that opens at `at`, and its contents.
local function quoted(text, at)
  local quote, i = text:sub(at, at), at + 1
  while true do
    local stop = text:find('[\\\n"\']', i)
    if not stop then
      return #text, unescape(text:sub(at + 1))
    end
    local byte = text:sub(stop, stop)
    if byte == quote then
      return stop, unescape(text:sub(at + 1, stop - 1))
    elseif byte == "\n" then
      return stop - 1, unescape(text:sub(at + 1, stop - 1))
    end
    i = stop + (byte == "\\" and 2 or 1)
  end
end

-- The end of what is no token at `at`: white space or a comment; nil if a token starts there.
local function blank(text, at)
  local _, last = text:find("^%s+", at)
  if last then
    return last
  elseif text:find("^%-%-", at) then
    last = long_bracket(text, at + 2)
    return last or (text:find("\n", at, true) or #text + 1) - 1
  elseif at == 1 and text:sub(1, 1) == "#" then
    return (text:find("\n", 1, true) or #text + 1) - 1
  end
  return nil
end

local OPERATORS = { "^%.%.%.", "^%.%.", "^[=~<>]=", "^::", "^." }

local function token(text, at)
  local _, last = text:find("^[%a_][%w_]*", at)
  if last then
    return "name", last, text:sub(at, last)
  end
  if text:find("^%.?%d", at) then
    _, last = text:find("^0[xX][%x.]+", at)
    if not last then
      _, last = text:find("^[%d.]+[eE][+-]?%d+", at)
    end
    if not last then
      _, last = text:find("^[%d.]+", at)
    end
    _, last = text:find("^%w*", last + 1)
    return "number", last, text:sub(at, last)
  end
  local body
  last, body = long_bracket(text, at)
  if last then
    return "string", last, body
  end
  if text:find("^[\"']", at) then
    last, body = quoted(text, at)
    return "string", last, body
  end
  for _, pattern in ipairs(OPERATORS) do
    _, last = text:find(pattern, at)
    if last then
      return "op", last, text:sub(at, last)
    end
  end
  return "op", at, text:sub(at, at)
end

local function newlines(text, from, to)
  local count, at = 0, from - 1
  while true do
    at = text:find("\n", at + 1, true)
    if not at or at > to then
      return count
    end
    count = count + 1
  end
end

---@param text string Lua source
---@return moongate.Token[]
function tokens.cut(text)
  local list, at, line = {}, 1, 1
  while at <= #text do
    local last = blank(text, at)
    if not last then
      local kind, stop, body = token(text, at)
      list[#list + 1] = { kind = kind, text = body, line = line }
      last = stop
    end
    line = line + newlines(text, at, last)
    at = last + 1
  end
  return list
end

return tokens
