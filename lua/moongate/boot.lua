-- The doors that C calls to load a gateway. Problems come back as an array of
-- `{ file =, line =, message =, category = "error" | "not yet" }`, all that were found.

local config  = require "moongate.config"
local core    = require "moongate.core"
local limits  = require "moongate.limits"
local lines   = require "moongate.lines"
local loading = require "moongate.loading"
local sandbox = require "moongate.sandbox"
local secret  = require "moongate.secret"

local boot = {}

---The reply functions of the routes; their JSON says which, by index from 1.
---@type function[]
boot.functions = loading.functions

local resolved -- the limits that gateway.lua set, once it was read

-- Notes what a chunk raised: where it says itself, else on the line where it stood.
local function report_raised(file, raised)
  if type(raised) == "table" then
    return loading.report(raised.file, raised.line, sandbox.explain(raised.message))
  end
  local name, line, message = raised:match("^(.-):(%d+): (.*)$")
  if not name then
    name, line, message = file, 1, raised
  elseif not loading.texts[name] then
    name = file -- Lua shortens the long name of a chunk that does not parse
  end
  loading.report(name, tonumber(line), sandbox.explain(message))
end

-- Adds its place to an error that does not name one of the author's lines: error("text", 0), a
-- table, a fault inside the library.
local function with_place(raised)
  local named = type(raised) == "string" and raised:match("^(.-):%d+: ")
  if named and loading.texts[named] then
    return raised
  end
  local file, line = loading.place()
  if type(raised) == "table" then
    local text = rawget(raised, "detail") or rawget(raised, "title") or rawget(raised, "message")
    return { file = file, line = line, message = tostring(text or "an error that is a table") }
  end
  local message = tostring(raised):gsub("^%.%.%.[^\n]-:%d+: ", "")
  return { file = file, line = line, message = message }
end

-- Evaluates one file; what it returned, or nil and the problem is noted.
local function evaluate(file, text, env)
  loading.file, loading.texts[file] = file, text
  local chunk, wrong = core.load(text, "@" .. file, env)
  if not chunk then
    report_raised(file, wrong)
    return nil
  end
  local ok, value = xpcall(chunk, with_place)
  if not ok then
    report_raised(file, value)
    return nil
  end
  return value, true
end

---Reads gateway.lua.
---@param text string
---@param file string its name in messages
---@param getenv fun(name: string): string?
---@return string? json canonical
---@return moongate.Problem[]? problems
function boot.config(text, file, getenv)
  loading.begin()
  loading.names = {}
  local value, ran = evaluate(file, text, sandbox.config(getenv))
  local canonical
  if ran and type(value) ~= "table" then
    loading.report(file, lines.of_return(text, ""), "gateway.lua returns a table: return { ... }")
  elseif ran then
    loading.names = config.names(value)
    local report, secrets
    canonical, report, secrets = config.check(value)
    if canonical then
      secret.set(secrets)
    end
    for _, problem in ipairs(report.problems) do
      local line = lines.of_return(text, problem.path)
      loading.report(file, line, problem.message, problem.category)
    end
  end
  local problems = loading.finish()
  if #problems > 0 then
    return nil, problems
  end
  resolved, loading.limits = canonical.limits, canonical.limits
  sandbox.limit(resolved.text)
  return core.encode(canonical)
end

---Loads the route files. Comes after boot.config, which says what backends there are.
---@param files { name: string, text: string }[] sorted by name
---@return { json: string, file: string, line: integer }[]? routes
---@return moongate.Problem[]? problems
function boot.routes(files)
  loading.begin()
  local env = sandbox.routes()
  for _, file in ipairs(files) do
    evaluate(file.name, file.text, env)
  end
  local problems = loading.finish()
  if #problems > 0 then
    return nil, problems
  end
  return loading.routes
end

---What the route files want to run without a request.
boot.chores = loading.chores

---The best known line for a key of a table constructor, or of an argument of a call, that begins
---on a line of a file.
---@param file string
---@param line integer 0: of the table that the file returns
---@param path string such as "calls.profile.query.user"; "items[2]" is an element, from 1
---@return integer line
function boot.locate(file, line, path)
  local text = loading.texts[file]
  if text and line == 0 then
    return lines.of_return(text, path)
  end
  return text and lines.of_key(text, line, path) or line
end

---A text for people without the values of secrets.
boot.redact = secret.redact

---Every limit, for people: its value, its default and what it bounds.
---@return { name: string, value: string, default: string, what: string }[]
function boot.limits()
  local list = {}
  for i, one in ipairs(limits.all) do
    local value = resolved and resolved[one.name] or one.default
    list[i] = {
      name = one.name, value = limits.write(one, value),
      default = limits.write(one, one.default), what = one.what,
    }
  end
  return list
end

return boot
