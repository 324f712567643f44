-- Durations and sizes as people write them: "200ms" "1.5s" "2m" "1h", "512B" "16KiB" "1MiB".
-- Bare numbers are neither: the message says what to write instead.

local words = require "moongate.words"

local units = {}

local DURATIONS = { ms = 1, s = 1000, m = 60000, h = 3600000 }
local SIZES = { B = 1, KiB = 1024, MiB = 1024 ^ 2, GiB = 1024 ^ 3 }
-- Beyond what C counts in: 2^53 keeps every whole number exact in a double.
local MOST = 2 ^ 53

local function parse(value, scale, noun, example, unit)
  if type(value) == "number" then
    return nil, ('a bare number is no %s: write "%g%s"'):format(noun, value, unit)
  elseif type(value) ~= "string" then
    return nil, ("must be a %s such as %s"):format(noun, example)
  end
  local digits, word = value:match("^(%d+%.?%d*)(%a+)$")
  local factor = scale[word]
  if not factor then
    return nil, ('%s is no %s: write one such as %s'):format(words.show(value), noun, example)
  end
  local amount = tonumber(digits) * factor
  if amount ~= math.floor(amount) or amount >= MOST then
    return nil, ('%s is no whole number of %s'):format(words.show(value), unit == "ms" and "ms" or "bytes")
  end
  return amount
end

---@param value any such as "200ms"
---@return integer? ms
---@return string? message
function units.duration(value)
  return parse(value, DURATIONS, "duration", '"200ms"', "ms")
end

---@param value any such as "16KiB"
---@return integer? bytes
---@return string? message
function units.size(value)
  return parse(value, SIZES, "size", '"16KiB"', "B")
end

local function write(amount, steps)
  for _, step in ipairs(steps) do
    if amount >= step[2] and amount % step[2] == 0 then
      return ("%d%s"):format(amount / step[2], step[1])
    end
  end
  return ("%d%s"):format(amount, steps[#steps][1])
end

---@param ms integer
---@return string such as "10s"
function units.write_duration(ms)
  return write(ms, { { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 } })
end

---@param bytes integer
---@return string such as "16KiB"
function units.write_size(bytes)
  return write(bytes, { { "GiB", 1024 ^ 3 }, { "MiB", 1024 ^ 2 }, { "KiB", 1024 }, { "B", 1 } })
end

return units
