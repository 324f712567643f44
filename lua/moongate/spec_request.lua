-- The request that a spec drives, as the bytes that a client sends.

local json  = require "moongate.json_core"
local words = require "moongate.words"

local request = {}

local OPTIONS = { "form", "headers", "json", "params", "query", "text" }
local METHODS = { "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT" }

local function fail(format, ...)
  error(format:format(...), 0)
end

local function check(options)
  local known = {}
  for _, name in ipairs(OPTIONS) do
    known[name] = true
  end
  for key in pairs(options) do
    if not known[key] then
      fail("drive has no option %s%s", words.show(key), words.hint(tostring(key), OPTIONS, "options"))
    end
  end
end

local function encode(value, kept)
  return words.encoded(tostring(value), kept)
end

-- name=value pairs, names in byte order; a list has one for each element.
local function pairs_of(fields, what)
  local list = {}
  if type(fields) ~= "table" then
    fail("%s is a table of names and values, not %s", what, words.show(fields))
  end
  for _, name in ipairs(words.names(fields)) do
    local values = fields[name]
    for _, value in ipairs(type(values) == "table" and values or { values }) do
      list[#list + 1] = encode(name) .. "=" .. encode(value)
    end
  end
  return table.concat(list, "&")
end

-- The path of a pattern such as /account/{id}, with params in their places.
local function fill(path, params)
  local used = {}
  local filled = path:gsub("{([^}.]+)(%.*)}", function(name, rest)
    local value = params[name]
    if value == nil then
      fail("%s has no param %s", path, words.show(name))
    end
    used[name] = true
    return encode(value, rest ~= "" and "/" or nil)
  end)
  for name in pairs(params) do
    if not used[name] then
      local hint = words.hint(tostring(name), words.names(used), "params")
      fail("%s takes no param %s%s", path, words.show(name), hint)
    end
  end
  return filled
end

-- The one route that a file declares.
local function route_of(name, routes, dir)
  local names, found = {}, {}
  local base = dir:match "([^/]+)/*$" or dir
  local wanted = name:sub(1, #base + 1) == base .. "/" and name:sub(#base + 2) or name
  for _, route in ipairs(routes) do
    names[route.file] = true
    if route.file == name or route.file == wanted then
      found[#found + 1] = route
    end
  end
  if #found == 0 then
    fail("no file %s declares a route%s", words.show(name), words.hint(name, words.names(names), "files"))
  elseif #found > 1 then
    fail('%s declares %d routes: say which, such as drive("%s %s", { params = ... })', name, #found,
      found[1].method == "*" and "GET" or found[1].method, found[1].path)
  end
  return found[1]
end

local function target_of(what, options, routes, dir)
  local method, path = what:match "^(%u+) ([/*]%S*)$"
  if not method and what:find "%.lua$" then
    local route = route_of(what, routes, dir)
    method, path = route.method == "*" and "GET" or route.method, route.path
    options.params = options.params or {}
  elseif not method then
    fail('drive takes a method and a path such as "GET /account/42", not %s', words.show(what))
  end
  local known = table.concat(METHODS, " ") .. " "
  if not known:find(method .. " ", 1, true) then
    fail("no method %s%s", words.show(method), words.hint(method, METHODS, "methods"))
  end
  if options.params then
    path = fill(path, options.params)
  end
  if options.query then
    path = path .. (path:find("?", 1, true) and "&" or "?") .. pairs_of(options.query, "query")
  end
  return method, path
end

local function body_of(options)
  if options.json ~= nil then
    return json.encode(options.json, "json"), "application/json"
  elseif options.form ~= nil then
    return pairs_of(options.form, "form"), "application/x-www-form-urlencoded"
  elseif options.text ~= nil then
    return tostring(options.text), "text/plain"
  end
end

local function put_headers(lines, headers)
  local given = {}
  for _, name in ipairs(words.names(headers)) do
    local value = headers[name]
    for _, one in ipairs(type(value) == "table" and value or { value }) do
      one = tostring(one)
      if name:find "[%c ]" or one:find "[\r\n%z]" then
        fail("the header %s is no name with a text of one line", words.show(name))
      end
      lines[#lines + 1] = name .. ": " .. one
    end
    given[name:lower()] = true
  end
  return given
end

---@param what string such as "GET /account/42", or a file that declares one route
---@param options { headers: table?, query: table?, params: table?, json: any, form: table?, text: string? }?
---@param routes table[]
---@param dir string the gateway's folder
---@return string bytes
---@return string title such as "GET /account/42"
function request.bytes(what, options, routes, dir)
  local own = {}
  if type(what) ~= "string" or (options ~= nil and type(options) ~= "table") then
    fail('drive takes a method and a path such as "GET /account/42", and a table of options')
  end
  for key, value in pairs(options or {}) do
    own[key] = value
  end
  check(own)
  local method, target = target_of(what, own, routes, dir)
  local body, kind = body_of(own)
  local lines = { ("%s %s HTTP/1.1"):format(method, target) }
  local given = put_headers(lines, own.headers or {})
  if not given.host then
    lines[#lines + 1] = "Host: localhost"
  end
  if kind and not given["content-type"] then
    lines[#lines + 1] = "Content-Type: " .. kind
  end
  if body then
    lines[#lines + 1] = "Content-Length: " .. #body
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or ""), method .. " " .. target
end

return request
