-- Words for messages: the nearest valid name to a misspelt one, lists as people write them, and
-- texts and names as others want them.

local words = {}

-- The number of letters to change, add, drop or swap with their neighbour (optimal string
-- alignment): a swapped pair, the commonest slip, counts as one.
local function distance(a, b)
  local before, last = {}, {}
  for j = 0, #b do
    last[j] = j
  end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, before[j - 2] + 1)
      end
      row[j] = best
    end
    before, last = last, row
  end
  return last[#b]
end

---The names that are keys of `set`, in byte order.
---@param set table<string, any>
---@return string[]
function words.names(set)
  local names = {}
  for name in pairs(set) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

---The name closest to `word`, if one is close enough to be what was meant.
---@param word string
---@param names string[]
---@return string? nearest
function words.nearest(word, names)
  if #word > 64 then
    return nil
  end
  local most = math.max(1, math.floor(#word / 3))
  local nearest
  for _, name in ipairs(names) do
    if #name <= #word + most then
      local far = distance(word:lower(), name:lower())
      if far <= most then
        nearest, most = name, far - 1
      end
    end
  end
  return nearest
end

---What to say after `unknown key "withn"`: `: did you mean "within"?`, or which names there are.
---@param word string
---@param names string[] the valid names
---@param what string plural noun of the names, such as "keys"
---@return string
function words.hint(word, names, what)
  local nearest = words.nearest(word, names)
  if nearest then
    return (': did you mean "%s"?'):format(nearest)
  elseif #names == 0 then
    return (": there are no %s"):format(what)
  end
  return (": the %s are %s"):format(what, table.concat(names, " "))
end

---A text as a path or query has it.
---@param text string
---@param kept string? bytes that stay as they are beside the unreserved ones (RFC 3986 §2.3)
---@return string
function words.encoded(text, kept)
  return (text:gsub("[^%w%-._~" .. (kept or "") .. "]", function(byte)
    return ("%%%02X"):format(byte:byte())
  end))
end

---What is wrong with a name that an author gives to something, or nil.
---@param what string who takes it, such as "gate.every"
---@param name any
---@return string?
function words.name_wrong(what, name)
  if type(name) ~= "string" or not name:find("^[%a_][%w_-]*$") or #name > 64 then -- bytes, as in data/store.h
    return ("%s takes a name of letters, digits, _ and -, at most 64, not %s"):format(what, words.show(name))
  end
  return nil
end

---A value as a message shows it: short, on one line.
---@param value any
---@return string
function words.show(value)
  if type(value) == "string" then
    local text = #value > 80 and value:sub(1, 77) .. "..." or value
    return '"' .. text:gsub("%c", "?") .. '"'
  elseif type(value) == "number" or type(value) == "boolean" then
    return tostring(value)
  end
  return value == nil and "nothing" or "a " .. type(value)
end

return words
