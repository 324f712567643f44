-- The shape of gateway.lua and its canonical form, as C reads it: every default in place,
-- durations in ms, sizes in bytes, what has names as lists sorted by name.

local address = require "moongate.address"
local core    = require "moongate.core"
local header  = require "moongate.header"
local limits  = require "moongate.limits"
local schema  = require "moongate.schema"
local words   = require "moongate.words"

local config = {}

-- Where tasks are kept, unless gateway.lua says otherwise. A hidden folder is not watched.
config.tasks = "sqlite:.moongate/tasks.db"

local function name(key)
  return not key:find("^[%a_][%w_-]*$") and "no name: letters, digits, _ and - make one" or nil
end

-- A definition is a table, or one string that stands for { url = string }.
local function short_for_url(node)
  return function(value, report)
    if type(value) == "string" then
      value = { url = value }
    end
    return node(value, report)
  end
end

local function needs_url(node)
  return function(value, report)
    local canonical = node(value, report)
    if canonical and rawget(value, "url") == nil then
      report:fail('has no url: write url = "..."')
    end
    return canonical
  end
end

local within = limits.by_name.within
local connect = limits.by_name.connect

local function carrier(value)
  if value ~= "plain" and value ~= "libcurl" then
    return ('must be "plain" or "libcurl", not %s'):format(words.show(value))
  end
  return nil
end

-- Our own HTTP path speaks no TLS.
local function plain_is_http(node)
  return function(value, report)
    local canonical = node(value, report)
    for _, url in ipairs(canonical and canonical.path == "plain" and canonical.url or {}) do
      if url:find("^https:") then
        report:push("path")
        report:fail('"plain" is for http, and the service has an https URL')
        report:pop()
        break
      end
    end
    return canonical
  end
end

local service = short_for_url(needs_url(plain_is_http(schema.table({
  url     = schema.list(schema.string(address.url), { least = 1 }),
  within  = schema.duration(within.min, within.max),
  connect = schema.duration(connect.min, connect.max),
  at_once = schema.integer(1, limits.by_name.service_at_once.max),
  waiting = schema.integer(0, limits.by_name.service_waiting.max),
  headers = header.map(schema.string(header.value)),
  path    = schema.string(carrier),
  share   = schema.boolean,
}, {}, { timeout = "within" }))))

local function sqlite(value)
  local path = value:match("^sqlite:(.*)$")
  if not path then
    return ('%s is no database: write one such as "sqlite:shop.db" or "postgres://app@127.0.0.1/shop"')
      :format(words.show(value))
  elseif path == "" or path:find("%z") then
    return 'names no file: write one such as "sqlite:shop.db"'
  end
  return nil
end

local is_postgres = address.is_postgres

local sqlite_keys = schema.table({
  url     = schema.string(sqlite),
  readers = schema.integer(1, limits.by_name.sqlite_readers.max),
})

local postgres_keys = schema.table({
  url     = schema.string(address.postgres),
  connect = schema.duration(connect.min, connect.max),
  at_once = schema.integer(1, limits.by_name.postgres_at_once.max),
  waiting = schema.integer(0, limits.by_name.postgres_waiting.max),
}, nil, { pool = "at_once", readers = "at_once", timeout = "connect" })

-- Which keys there are, the URL says.
local database = short_for_url(needs_url(function(value, report)
  local url = type(value) == "table" and rawget(value, "url")
  return (is_postgres(url) and postgres_keys or sqlite_keys)(value, report)
end))

local function folder(value)
  if value == "" or value:find("%z") then
    return 'names no folder: write one such as "./pages"'
  end
  return nil
end

local redis = short_for_url(needs_url(schema.table({
  url     = schema.string(address.redis),
  within  = schema.duration(within.min, within.max),
  connect = schema.duration(connect.min, connect.max),
  at_once = schema.integer(1, limits.by_name.redis_at_once.max),
}, nil, { timeout = "within" })))

local function secret_wrong(value)
  return value == "" and "is empty" or nil
end

local function tasks_wrong(value)
  if value:find("^postgres") or value:find("^redis") then
    return ("not yet: tasks are kept in a file: write %q"):format(config.tasks)
  elseif not value:find("^sqlite:[^%z]+$") then
    return ("%s names no file for tasks: write one such as %q"):format(words.show(value), config.tasks)
  end
  return nil
end

local function limit_nodes()
  local nodes = {}
  for _, one in ipairs(limits.all) do
    nodes[one.name] = schema.limit(one)
  end
  return nodes
end

local shape = schema.table({
  listen    = schema.list(schema.string(address.listen), { least = 1 }),
  workers   = schema.word_or("auto", 0, schema.integer(1, 256)),
  services  = schema.map(service, name),
  databases = schema.map(database, name),
  files     = schema.map(schema.string(folder), name),
  redis     = schema.map(redis, name),
  limits    = schema.table(limit_nodes()),
  trusted   = schema.list(schema.string(address.network)),
  tasks     = schema.string(tasks_wrong),
  secrets   = schema.map(schema.string(secret_wrong), name),
}, { admin = true }, {
  port = "listen", host = "listen", upstreams = "services", backends = "services",
  database = "databases", service = "services", timeouts = "limits", secret = "secrets",
})

local function sorted(map, make)
  local list = {}
  for _, key in ipairs(words.names(map or {})) do
    list[#list + 1] = make(key, map[key])
  end
  return core.list(list)
end

-- The canonical form of a table that was found to be right. Secrets stay here.
local function canonical(checked)
  local set = limits.resolve(checked.limits)
  return {
    listen    = checked.listen or core.list { "127.0.0.1:8080" },
    workers   = checked.workers or 0,
    limits    = set,
    trusted   = checked.trusted or core.list {},
    tasks     = (checked.tasks or config.tasks):match("^sqlite:(.*)$"),
    services  = sorted(checked.services, function(key, one)
      return {
        name = key, urls = one.url, headers = one.headers, within = one.within,
        connect = one.connect or set.connect, at_once = one.at_once or set.service_at_once,
        waiting = one.waiting or set.service_waiting, path = one.path,
        share = one.share,
      }
    end),
    databases = sorted(checked.databases, function(key, one)
      if is_postgres(one.url) then
        return {
          name = key, url = one.url, connect = one.connect or set.connect,
          at_once = one.at_once or set.postgres_at_once, waiting = one.waiting or set.postgres_waiting,
        }
      end
      local readers = one.readers or set.sqlite_readers
      return { name = key, path = one.url:match("^sqlite:(.*)$"), readers = readers }
    end),
    files     = sorted(checked.files, function(key, path)
      return { name = key, path = path }
    end),
    redis     = sorted(checked.redis, function(key, one)
      return {
        name = key, url = one.url, within = one.within, connect = one.connect or set.connect,
        at_once = one.at_once or set.redis_at_once,
      }
    end),
  }
end

---Checks what gateway.lua returned.
---@param value any
---@return table? config canonical, to be encoded as JSON; nil if something is wrong
---@return moongate.Report report
---@return table<string, string>? secrets
function config.check(value)
  local report = schema.report()
  local checked = shape(value, report)
  if #report.problems > 0 then
    return nil, report
  end
  return canonical(checked), report, checked.secrets or {}
end

---The names that gateway.lua declares, right or wrong, for the routes to be checked against.
---@param value any what gateway.lua returned
---@return table<string, table<string, true>>
function config.names(value)
  local names = {}
  for kind, key in pairs {
    service = "services", database = "databases", files = "files", redis = "redis",
  } do
    names[kind] = {}
    local declared = type(value) == "table" and rawget(value, key)
    for each in pairs(type(declared) == "table" and declared or {}) do
      names[kind][each] = true
    end
  end
  return names
end

return config
