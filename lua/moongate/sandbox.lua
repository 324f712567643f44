-- What the author's code sees: the globals of route files and of their modules, and the few that
-- gateway.lua has. All of it is read-only, so that no request leaves anything to the next one.

local core    = require "moongate.core"
local limits  = require "moongate.limits"
local loading = require "moongate.loading"
local still   = require "moongate.still"
local texts   = require "moongate.text"
local units   = require "moongate.units"
local words   = require "moongate.words"

local sandbox = {}

-- A text that one call may build. A longer one would be built inside C, where no budget of time or
-- memory can stop it.
local text_most

---@param most integer limits.text
function sandbox.limit(most)
  text_most = most
  texts.limit(most)
end
sandbox.limit(limits.by_name.text.default)

local WITHHELD = {
  coroutine = "the gateway runs functions as coroutines itself: say call:start(), gate.all",
  io        = "files are read by calls: gate.files",
  debug     = "it reaches around the sandbox",
  ffi       = "it reaches around the sandbox",
  package   = 'modules are files of the gateway: require "lib.prices"',
  load      = "code is loaded from files only",
  loadstring = "code is loaded from files only",
  loadfile  = 'modules are files of the gateway: require "lib.prices"',
  dofile    = 'modules are files of the gateway: require "lib.prices"',
  getfenv   = "environments are read-only",
  setfenv   = "environments are read-only",
  newproxy  = "tables have metatables",
  collectgarbage = "the gateway collects",
  module    = "a module returns a local table",
  jit       = "the gateway decides what is compiled",
}

local WITHHELD_FIELDS = {
  getenv  = 'the environment is read in gateway.lua: env "NAME"',
  execute = "routes start no programs",
  exit    = "a request ends when its function returns",
  dump    = "code is loaded from files only",
}

---A table that reads as `contents` and cannot be written.
---@param contents table
---@param what string its name in messages
---@return table
local function read_only(contents, what)
  return setmetatable({}, {
    __index = contents,
    __newindex = function(_, key)
      error(("%s is read-only: cannot set %s"):format(what, words.show(key)), 2)
    end,
    __metatable = false,
  })
end
sandbox.read_only = read_only

local function pick(from, names)
  local picked = {}
  for name in names:gmatch("%S+") do
    picked[name] = from[name]
  end
  return picked
end

local string_rep, string_format, string_sub = string.rep, string.format, string.sub
local safe_string = pick(string, "byte char len lower reverse sub upper")

local function too_long(what)
  local most = units.write_size(text_most)
  loading.raise(("%s: the result would be longer than %s (limits.text)"):format(what, most))
end

local function rep(repeated, count, separator)
  local one = type(repeated) == "string" and #repeated or #tostring(repeated)
  local between = separator and #tostring(separator) or 0
  if (tonumber(count) or 0) * (one + between) > text_most then
    too_long("string.rep")
  end
  return string_rep(repeated, count, separator)
end

-- What tables say they are is asked here: their texts count, too.
local function with_texts(count, ...)
  local given = { ... }
  for i = 1, count do
    if type(given[i]) == "table" then
      given[i] = tostring(given[i])
      if type(given[i]) ~= "string" then
        loading.raise(("string.format: __tostring returned %s"):format(words.show(given[i])))
      end
    end
  end
  return unpack(given, 1, count)
end

-- Whether the format has a %q, which writes up to four bytes for one. "%%q" is none.
local function quotes(text)
  for letter in texts.gmatch(text, "%%[-+ #%d.]*(.)") do
    if letter == "q" then
      return true
    end
  end
  return false
end

local function format(...)
  local length, tables = 0, false
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    local kind = type(value)
    if kind == "string" then
      length = length + #value
    elseif kind == "table" then
      tables = true
    end
  end
  if length > text_most / 4 and (length > text_most or quotes((...))) then
    too_long("string.format")
  elseif tables then
    return safe_string.format(with_texts(select("#", ...), ...))
  end
  return string_format(...)
end

safe_string.rep, safe_string.format = rep, format
safe_string.find, safe_string.match = texts.find, texts.match
safe_string.gmatch, safe_string.gsub = texts.gmatch, texts.gsub

-- Strings share one metatable in a state: what ("x"):rep finds must be what string.rep is, and
-- nobody may get at the table through getmetatable.
local function protect_strings()
  local shared = debug.getmetatable("")
  shared.__index = safe_string
  shared.__metatable = false
end

-- A line of the log is short, and what is beyond it is not worked through.
local function print_to_log(...)
  local parts, left = {}, limits.printed
  for i = 1, select("#", ...) do
    parts[i] = string_sub(tostring((select(i, ...))), 1, left)
    left = left - #parts[i]
    if left == 0 then
      break
    end
  end
  if core.log then
    local text = table.concat(parts, "\t")
    core.log(loading.redact and loading.redact(text) or text)
  end
end

-- Each letter of a format writes dozens, inside of C.
local function date(template, ...)
  if type(template) == "string" and #template > limits.date_format then
    loading.raise(("os.date: the format is longer than %s"):format(units.write_size(limits.date_format)))
  end
  return os.date(template, ...)
end

-- What writes past metatables keeps off the tables that are not the author's own: the library's
-- outlive the request. Decoded lists are the author's.
local function checked(write)
  return function(t, ...)
    if type(t) == "table" and getmetatable(t) == false and not core.is_list(t) then
      error("this table is read-only", 2)
    end
    return write(t, ...)
  end
end

local function safe_table()
  return read_only({ concat = texts.concat, maxn = table.maxn, insert = checked(table.insert),
    remove = checked(table.remove), sort = checked(texts.sort) }, "table")
end

local function write_global(_, key)
  error(("writing a global is an error: say local %s"):format(tostring(key)), 2)
end

local function environment(contents)
  local env = setmetatable({}, { __index = contents, __newindex = write_global, __metatable = false })
  contents._G = env
  return env
end

local function handled(handler, ok, ...)
  if ok then
    return true, ...
  end
  return false, select(2, pcall(handler, ...))
end

-- The handler runs when the error has come out, not where it was raised: there no hook could end it,
-- and without `debug` it could not tell the difference.
local function safe_xpcall(fn, handler, ...)
  return handled(handler, pcall(fn, ...))
end

local BASICS = "assert error ipairs next pairs pcall select tonumber tostring type unpack "
  .. "getmetatable setmetatable rawequal rawget _VERSION"

local modules = {} -- name -> { value = } once loaded
local under_way = {} -- names of the modules being loaded, outermost first
local route_env

local LOADING = "a module cannot wait while it is loaded, nor make calls: let its functions do that"

local function evaluate(file, text, env)
  loading.texts[file] = text
  local chunk, message = core.load(text, "@" .. file, env)
  if not chunk then
    error(message, 0)
  end
  return chunk()
end

-- The file that module `name` is, and its text; or what was looked for.
local function find(name)
  if not name:find("^[%w_-]+[%w_.-]*$") or name:find("..", 1, true) then
    return nil, nil, ('"%s" is no name of a module: write one such as "lib.prices"'):format(name)
  end
  local base = name:gsub("%.", "/")
  for _, file in ipairs { base .. ".lua", base .. "/init.lua" } do
    local text = core.source(file)
    if text then
      return file, text
    end
  end
  local names = core.names and core.names() or {}
  local nearest = words.nearest(base .. ".lua", names)
  local hint = nearest and (': did you mean "%s"?'):format((nearest:gsub("%.lua$", ""):gsub("/", ".")))
  return nil, nil, ('no module "%s": there is no %s.lua%s'):format(name, base, hint or "")
end

local function load_module(name)
  for _, other in ipairs(under_way) do
    if other == name then
      local chain = table.concat(under_way, " -> ") .. " -> " .. name
      return false, ("a module cannot require itself: %s"):format(chain)
    end
  end
  local file, text, wrong = find(name)
  if not file then
    return false, wrong
  end
  under_way[#under_way + 1] = name
  local before = still.set(nil)
  still.set(before or LOADING)
  local ok, value = pcall(evaluate, file, text, route_env)
  still.set(before)
  under_way[#under_way] = nil
  if not ok then
    error(value, 0)
  end
  modules[name] = { value = value == nil and true or value }
  return true
end

---A module of the gateway, loaded once; what it raises meanwhile is raised.
---@param name string such as "lib.prices"
---@return { value: any }? module
---@return string? wrong why there is none
function sandbox.module(name)
  if not modules[name] then
    local ok, wrong = load_module(name)
    if not ok then
      return nil, wrong
    end
  end
  return modules[name]
end

---A run was ended: what it was loading is not being loaded any more.
function sandbox.ended()
  for i = #under_way, 1, -1 do
    under_way[i] = nil
  end
end

local function require_module(name)
  if type(name) ~= "string" then
    loading.raise(("require takes a name, not %s"):format(words.show(name)))
  elseif name == "moongate" then
    return require "moongate"
  end
  local module, wrong = sandbox.module(name)
  if not module then
    loading.raise(wrong)
  end
  return module.value
end

-- In a state that compiles. Debian's LuaJIT crashes in compiled loops over its own pairs and next, so
-- these are ours; and what a C function returns to goes on interpreted rather than in a new trace.
-- The library is never compiled, but for what every loop of the author's may call.
local function compiling(contents)
  require("jit.opt").start("minstitch=1000000")
  contents.pairs, contents.next = core.pairs, core.next
  for _, fn in ipairs { rep, format, contents.table.insert, contents.table.remove, contents.rawset } do
    require("jit").on(fn)
  end
end

---The globals of route files and of the modules they require. One per state.
---@return table env
function sandbox.routes()
  if route_env then
    return route_env
  end
  protect_strings()
  local contents = pick(_G, BASICS)
  contents.string = read_only(safe_string, "string")
  contents.table = safe_table()
  contents.math = read_only(pick(math, "abs acos asin atan atan2 ceil cos cosh deg exp floor fmod "
    .. "frexp huge ldexp log log10 max min modf pi pow rad random randomseed sin sinh sqrt tan tanh"),
    "math")
  local safe_os = pick(os, "clock difftime time")
  safe_os.date = date
  contents.os = read_only(safe_os, "os")
  contents.bit = read_only(pick(require "bit", "arshift band bnot bor bswap bxor lshift rol ror "
    .. "rshift tobit tohex"), "bit")
  contents.print, contents.rawset, contents.xpcall = print_to_log, checked(rawset), safe_xpcall
  contents.require = require_module
  if loading.computes then
    compiling(contents)
  end
  route_env = environment(contents)
  return route_env
end

---The globals of gateway.lua.
---@param getenv fun(name: string): string?
---@return table env
function sandbox.config(getenv)
  protect_strings()
  local contents = pick(_G, "assert error ipairs next pairs select tonumber tostring type unpack _VERSION")
  contents.string = read_only(safe_string, "string")
  contents.table = safe_table()
  contents.math = read_only(pick(math, "abs ceil floor fmod huge max min modf"), "math")
  contents.env = function(...)
    local name, default = ...
    if type(name) ~= "string" then
      error('env takes the name of a variable: env("PORT", "8080")', 2)
    end
    local value = getenv(name)
    if value == nil and select("#", ...) < 2 then
      error(('"%s" is not in the environment, and env("%s") has no default'):format(name, name), 2)
    end
    return value == nil and default or value
  end
  return environment(contents)
end

---Adds to an error message why a global is missing, if the sandbox withholds it.
---@param message string such as "account.lua:7: attempt to index global 'io' (a nil value)"
---@return string
function sandbox.explain(message)
  local name = message:match("global '([%w_]+)' %(a nil value%)")
  local field = message:match("field '([%w_]+)' %(a nil value%)")
  local why = WITHHELD[name] or WITHHELD_FIELDS[field]
  if why then
    return ("%s: routes have no %s: %s"):format(message, name or field, why)
  end
  return message
end

return sandbox
