-- Finds the source line of a key, such as "services.users.withn", in a table that the source
-- spells out. What is computed instead of spelt out has no such line: the nearest one that is
-- known (of the table around it, of the call) stands in.

local tokens = require "moongate.tokens"

local lines = {}

local OPENS = { ["("] = true, ["{"] = true, ["["] = true, ["function"] = true, ["if"] = true,
  ["do"] = true, ["repeat"] = true }
local CLOSES = { [")"] = true, ["}"] = true, ["]"] = true, ["end"] = true, ["until"] = true }

-- +1 where a bracket or block opens, -1 where one closes.
local function nesting(token)
  if token.kind ~= "op" and token.kind ~= "name" then
    return 0
  end
  return OPENS[token.text] and 1 or CLOSES[token.text] and -1 or 0
end

local function is(token, text)
  return token ~= nil and token.kind == "op" and token.text == text
end

-- The last token of the value that begins at `first`: it ends before "," ";" or what closes it.
local function value_end(list, first)
  local depth, i = 0, first
  while list[i] do
    if depth == 0 and (is(list[i], ",") or is(list[i], ";")) then
      break
    end
    local step = nesting(list[i])
    if depth + step < 0 then
      break
    end
    depth, i = depth + step, i + 1
  end
  return i - 1
end

---@class moongate.Field
---@field key string|number|nil nil if computed
---@field line integer
---@field first integer index of the value's first token
---@field last integer index of its last

-- The key that begins at token `i` and where its value begins; nil for a list element.
local function field_key(list, i)
  local token = list[i]
  if token.kind == "name" and is(list[i + 1], "=") then
    return token.text, i + 2
  elseif is(token, "[") then
    local inner, after = list[i + 1], value_end(list, i + 1) + 1
    if is(list[after], "]") and is(list[after + 1], "=") then
      local plain = inner and after == i + 2
      local key = plain and (inner.kind == "string" and inner.text or tonumber(inner.text)) or false
      return key, after + 2
    end
  end
  return nil, i
end

-- The fields of the table constructor whose "{" is token `open`.
---@return moongate.Field[]
local function fields(list, open)
  local found, i, position = {}, open + 1, 0
  while list[i] and not is(list[i], "}") do
    if is(list[i], ",") or is(list[i], ";") then
      i = i + 1
    else
      local key, first = field_key(list, i)
      if key == nil then
        position = position + 1
        key = position
      end
      local last = value_end(list, first)
      found[#found + 1] = { key = key, line = list[i].line, first = first, last = last }
      i = math.max(last, i) + 1
      if nesting(list[i] or list[1]) < 0 and not is(list[i], "}") then
        break
      end
    end
  end
  return found
end

-- The constructors to look into for a value: itself, or the arguments of the calls it makes.
local function constructors(list, first, last)
  local found, depth = {}, 0
  for i = first, last do
    if is(list[i], "{") and depth <= 1 then
      found[#found + 1] = i
    end
    local token = list[i]
    if is(token, "{") or (token.kind == "name" and nesting(token) ~= 0) then
      depth = depth + 2 * nesting(token)
    elseif is(token, "}") then
      depth = depth - 2
    else
      depth = depth + nesting(token)
    end
  end
  return found
end

-- What is left of `path` after `key`, or nil if it does not begin with it. Keys may contain dots.
local function rest_after(path, key)
  if type(key) == "number" then
    return path:match("^%[?" .. key .. "%]?%.(.*)$") or path:match("^%[?" .. key .. "%]?(%[.*)$")
      or path:match("^%[?" .. key .. "%]?$") and ""
  elseif not key or path:sub(1, #key) ~= key then
    return nil
  end
  local rest = path:sub(#key + 1)
  return rest == "" and rest or rest:match("^%.(.*)$") or rest:match("^%[.*$")
end

-- Follows `path` from the tokens first..last of a value; line of the last key found and how much
-- of the path is left.
local function follow(list, first, last, path, line)
  local best_line, best_rest = line, path
  if path == "" then
    return line, path
  end
  for _, open in ipairs(constructors(list, first, last)) do
    for _, field in ipairs(fields(list, open)) do
      local rest = rest_after(path, field.key)
      if rest then
        local found, left = follow(list, field.first, field.last, rest, field.line)
        if #left < #best_rest then
          best_line, best_rest = found, left
        end
      end
    end
  end
  return best_line, best_rest
end

-- The tokens of the table that the source returns: of `return { ... }`, or of `local t = { ... }`
-- where it ends with `return t`.
local function returned(list)
  local depth, at = 0, nil
  for i, token in ipairs(list) do
    if depth == 0 and token.kind == "name" and token.text == "return" then
      at = i
    end
    depth = depth + nesting(token)
  end
  if not at then
    return nil
  end
  local value = list[at + 1]
  if value and value.kind == "name" then
    for i = at - 1, 1, -1 do
      if list[i].kind == "name" and list[i].text == value.text and is(list[i + 1], "=") then
        return i + 2, value_end(list, i + 2), list[at].line
      end
    end
  end
  return at + 1, #list, list[at].line
end

---The line of the key `path` in the table that `text` returns; failing that, of the nearest table
---around it that was found, or of `return`; 1 if there is none.
---@param text string Lua source
---@param path string such as "services.users.within"
---@return integer line
function lines.of_return(text, path)
  local list = tokens.cut(text)
  local first, last, line = returned(list)
  if not first then
    return 1
  end
  return (follow(list, first, last, path, line))
end

---The line of the key `path` in the table constructor, or in an argument of the call, that begins
---on line `line`; `line` if it is not found there. Of several on one line, the one that has most
---of the path counts.
---@param text string Lua source
---@param line integer
---@param path string such as "calls.profile.query.user"; "items[2]" is an element, from 1
---@return integer line
function lines.of_key(text, line, path)
  local list = tokens.cut(text)
  local best_line, best_rest = line, path
  for i, token in ipairs(list) do
    if token.line == line and (is(token, "{") or is(token, "(")) then
      local last = value_end(list, i + 1) + 1
      while is(token, "(") and is(list[last], ",") do
        last = value_end(list, last + 1) + 1
      end
      local found, left = follow(list, i, math.min(last, #list), path, line)
      if #left < #best_rest then
        best_line, best_rest = found, left
      end
    elseif token.line > line then
      break
    end
  end
  return best_line
end

return lines
