-- What keeps a processor busy: points of the plane, each iterated until it escapes.
local mandelbrot = {}

local SHADES = { " ", ".", ":", "-", "=", "+", "*", "%", "@" }

-- How many steps a point takes to escape, `most` for one that does not.
local function steps(x, y, most)
  local a, b, n = 0, 0, 0
  while n < most and a * a + b * b < 4 do
    a, b, n = a * a - b * b + x, 2 * a * b + y, n + 1
  end
  return n
end

---The set as a text of `width` by `height` characters.
function mandelbrot.draw(width, height, most)
  local rows = {}
  for row = 1, height do
    local line = {}
    for column = 1, width do
      local n = steps(column / width * 3.2 - 2.3, row / height * 2.4 - 1.2, most)
      line[column] = n == most and "#" or SHADES[n % #SHADES + 1]
    end
    rows[row] = table.concat(line)
  end
  return table.concat(rows, "\n") .. "\n"
end

return mandelbrot
