-- Makes the C headers readable for LuaJIT's FFI, at build time:
--   luajit cdef.lua OUTPUT INCLUDE_FOLDER HEADER... -- COMPILER ARGUMENTS...
-- The compiler preprocesses all headers in one go; what comes from the core's own headers is kept,
-- function bodies and what the FFI does not know are taken out. OUTPUT is a Lua table:
-- header -> { needs = the core's headers that it includes, foreign = one that is not ours, text }.
local output, root = arg[1], arg[2]
local headers, command = {}, {}
local list = headers
for i = 3, #arg do
  if arg[i] == "--" then
    list = command
  else
    list[#list + 1] = arg[i]
  end
end

-- Types from these are built into LuaJIT's parser, or only used inside function bodies.
local known = {}
for name in ("stdbool stddef stdint string stdarg stdatomic limits"):gmatch "%S+" do
  known[name .. ".h"] = true
end

local function includes(header)
  local needs, foreign = {}, nil
  for line in io.lines(root .. "/" .. header) do
    local own = line:match '^%s*#%s*include%s+"([^"]+)"'
    local other = line:match "^%s*#%s*include%s+<([^>]+)>"
    if own then
      needs[#needs + 1] = own
    elseif other and not known[other] then
      foreign = foreign or other
    end
  end
  return needs, foreign
end

local function quoted(words)
  local out = {}
  for i, word in ipairs(words) do
    out[i] = "'" .. word:gsub("'", "'\\''") .. "'"
  end
  return table.concat(out, " ")
end

-- Line markers (# 12 "core/base/str.h" 1) say which file the lines behind them are from.
local function preprocess()
  local name = output .. ".c"
  local source = assert(io.open(name, "w"))
  for _, header in ipairs(headers) do
    source:write('#include "', header, '"\n')
  end
  source:close()
  local pipe = assert(io.popen(quoted(command) .. " -E " .. quoted { name }))
  local texts, current = {}, nil
  for line in pipe:lines() do
    local file = line:match '^# %d+ "([^"]*)"'
    if file then
      current = file:sub(1, #root + 1) == root .. "/" and file:sub(#root + 2) or nil
    elseif current and line:find "%S" then
      texts[current] = texts[current] or {}
      table.insert(texts[current], line)
    end
  end
  pipe:close()
  os.remove(name)
  return texts
end

local function plain(text)
  text = text:gsub("static%s+inline[^;{]*%b{}", "")
  text = text:gsub("_Static_assert%s*%b();", "")
  text = text:gsub("_Atomic%s*(%b())", function(type) return type:sub(2, -2) end)
  return (text:gsub("_Atomic%s", ""):gsub("_Noreturn%s", ""):gsub("__attribute__%s*%b()", ""))
end

local texts = preprocess()
local out = assert(io.open(output, "w"))
out:write "return {\n"
for _, header in ipairs(headers) do
  local needs, foreign = includes(header)
  if not texts[header] then
    io.stderr:write("cdef.lua: the compiler gave nothing for ", header, "\n")
    os.exit(1)
  end
  out:write(("  [%q] = { needs = { "):format(header))
  for _, need in ipairs(needs) do
    out:write(("%q, "):format(need))
  end
  out:write(("}, foreign = %s, text = [==[\n%s\n]==] },\n"):format(
    foreign and ("%q"):format(foreign) or "nil", plain(table.concat(texts[header], "\n"))))
end
out:write "}\n"
out:close()
