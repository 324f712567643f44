-- What is being loaded: the texts of the gateway's files, the backends it declares, the routes and
-- functions found, and everything that is wrong. While it is active, misuse is noted and loading
-- goes on, so that all errors are found at once; afterwards misuse is raised.

local lines = require "moongate.lines"
local words = require "moongate.words"

local loading = {
  active = false,
  computes = false,      -- the state is one of gate.compute, where nothing waits
  file = "gateway.lua",  -- the file that is being evaluated
  texts = {},            -- file name -> source, of all files evaluated so far
  names = {},            -- "service" | "database" | "files" -> set of declared names; nil: unknown
  problems = {},         -- of the step under way
  routes = {},           -- { json =, file =, line = } in the order of declaration
  chores = {},           -- { name =, every =, within =, fn =, file =, line = }: run without a request
  functions = {},        -- the reply functions, by the index that the JSON has
  given = {},            -- those of them that no file of the gateway defines -> where they were given
  limits = nil,          -- as gateway.lua resolved them
  redact = nil,          -- takes secrets out of a text (secret.lua)
  roots = {},            -- set of what calls the author's functions, with them as first argument
}

---@class moongate.Problem
---@field file string
---@field line integer
---@field message string
---@field category "error"|"not yet"

---Starts a step: problems found from here on belong to it.
function loading.begin()
  loading.active, loading.problems = true, {}
end

---Ends the step.
---@return moongate.Problem[] problems by file and line, each once
function loading.finish()
  loading.active = false
  local seen, found = {}, {}
  for _, problem in ipairs(loading.problems) do
    local key = problem.file .. "\n" .. problem.line .. "\n" .. problem.message
    if not seen[key] then
      seen[key], found[#found + 1] = true, problem
    end
  end
  table.sort(found, function(a, b)
    if a.file ~= b.file then
      return a.file < b.file
    elseif a.line ~= b.line then
      return a.line < b.line
    end
    return a.message < b.message
  end)
  return found
end

-- A message is one line, without secrets, and not as long as what it quotes may be.
local function one_line(message)
  message = loading.redact and loading.redact(message) or message
  if #message > 500 then
    message = message:sub(1, 497) .. "..."
  end
  return (message:gsub("%c+", " "))
end

---@param file string
---@param line integer
---@param message string
---@param category string?
function loading.report(file, line, message, category)
  loading.problems[#loading.problems + 1] =
    { file = file, line = line, message = one_line(message), category = category or "error" }
end

---Notes what a schema's report says of the declaration at `line` of `file`, each where it stands.
---@param report table
---@param file string
---@param line integer
function loading.note(report, file, line)
  for _, problem in ipairs(report.problems) do
    local at = lines.of_key(loading.texts[file] or "", line, problem.path)
    loading.report(file, at, problem.message, problem.category)
  end
end

-- The gateway's file that a function's debug information names, or nil.
local function own_file(info)
  local file = info.source:match("^@(.*)$")
  return file and loading.texts[file] and file
end

---Where a function begins; one that no file of the gateway defines, such as gate.json.encode, where
---it was given.
---@param fn function
---@return string file, integer line
function loading.place_of(fn)
  local info, given = debug.getinfo(fn, "S"), loading.given[fn]
  local file = own_file(info)
  if file then
    return file, info.linedefined
  elseif given then
    return given.file, given.line
  end
  return loading.file, 1
end

---Where the author's code stands: the innermost function on the stack that one of the gateway's
---files defines. A tail call leaves no trace; then the line where the request's function begins
---stands in, while loading that of the file's `return`.
---@return string file, integer line
function loading.place()
  local level = 2
  while true do
    local info = debug.getinfo(level, "Slf")
    if not info then
      break
    end
    local file = own_file(info)
    if file and info.currentline > 0 then
      return file, info.currentline
    elseif loading.roots[info.func] then
      local _, fn = debug.getlocal(level, 1)
      return loading.place_of(fn)
    end
    level = level + 1
  end
  local text = loading.texts[loading.file]
  return loading.file, text and lines.of_return(text, "") or 1
end

---Keeps a function for C to run.
---@param fn function
---@return integer index
function loading.keep(fn)
  local kept = #loading.functions + 1
  loading.functions[kept] = fn
  if not loading.given[fn] and not own_file(debug.getinfo(fn, "S")) then
    local file, line = loading.place()
    loading.given[fn] = { file = file, line = line }
  end
  return kept
end

---The way to where the author's code stands: the functions of the gateway's files that are under
---way, innermost first, as "account.lua:7 in check, account.lua:20".
---@return string trace
function loading.trace()
  local MOST = 8
  local steps, level = {}, 2
  while #steps <= MOST do
    local info = debug.getinfo(level, "Slnf")
    if not info or loading.roots[info.func] then
      break
    end
    local file = own_file(info)
    if file and info.currentline > 0 then
      local caller = debug.getinfo(level + 1, "f")
      local named = info.namewhat ~= "" and not (caller and loading.roots[caller.func])
      local step = ("%s:%d%s"):format(file, info.currentline, named and " in " .. info.name or "")
      steps[#steps + 1] = #steps < MOST and step or "..."
    end
    level = level + 1
  end
  return table.concat(steps, ", ")
end

---Raises an error at the author's line, also where a tail call hid it from `error(message, 2)`.
---@param message string
function loading.raise(message)
  local file, line = loading.place()
  error(("%s:%d: %s"):format(file, line, message), 0)
end

---The author used the library wrongly: noted with its place while loading, else raised.
---@param message string
---@param category string?
function loading.misuse(message, category)
  if not loading.active then
    loading.raise(message)
  end
  local file, line = loading.place()
  loading.report(file, line, message, category)
end

-- Stands in for what could not be made, so that the code around it can still be checked: it can be
-- called and indexed, and whoever meets it stays silent.
local ghost = {}
setmetatable(ghost, {
  __index = function() return ghost end,
  __call = function() return ghost end,
  __newindex = function() end,
  __concat = function() return ghost end,
  __metatable = false,
})
loading.ghost = ghost

---A name that is none was asked for: misuse, which tells the nearest one.
---@param told string such as "a group has no %s"
---@param name any
---@param names string[] the valid ones
---@param plural string what they are, such as "verbs"
---@return table ghost
function loading.unknown(told, name, names, plural)
  local shown = tostring(name)
  loading.misuse(told:format(shown) .. words.hint(shown, names, plural))
  return ghost
end

return loading
