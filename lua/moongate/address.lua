-- Addresses as gateway.lua writes them. Each function says what is wrong with a text, or nil.

local words = require "moongate.words"

local address = {}

local function ipv4(text)
  local parts = { text:match("^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$") }
  for _, part in ipairs(parts) do
    if tonumber(part) > 255 or part:find("^0%d") then
      return false
    end
  end
  return #parts == 4
end

-- One side of "::": groups of up to four hex digits; the last of all may be an IPv4 address, which
-- counts as two. The number of groups, or nil.
local function groups(text, ends)
  if text == "" then
    return 0
  end
  local count, list = 0, {}
  for part in (text .. ":"):gmatch("([^:]*):") do
    list[#list + 1] = part
  end
  for i, part in ipairs(list) do
    if part:find("^%x%x?%x?%x?$") then
      count = count + 1
    elseif ends and i == #list and ipv4(part) then
      count = count + 2
    else
      return nil
    end
  end
  return count
end

local function ipv6(text)
  local left, right = text:match("^(.-)::(.*)$")
  if not left then
    return groups(text, true) == 8
  end
  local before, after = groups(left, false), groups(right, true)
  return before ~= nil and after ~= nil and before + after <= 7
end

local function port(text, least)
  return text:find("^%d%d?%d?%d?%d?$") and tonumber(text) >= least and tonumber(text) <= 65535
end

-- What is wrong with the path of a unix socket, or nil. One that is relative may still become too
-- long behind the gateway's folder, which C sees.
local function socket_path(path, example)
  if path == "" or path:find("/$") then
    return ("names no file: write %s"):format(example)
  elseif path:find("[%c%s?#:]") then
    return 'the path of a socket has no space, "?", "#" or ":"'
  elseif path:byte() == 47 and #path > 107 then
    return ("the path of a socket has at most 107 bytes, this one has %d"):format(#path)
  end
  return nil
end

local LISTEN_UNIX = '"unix:/run/moongate.sock", or with ?mode=660 behind it'

local function listen_socket(rest)
  local path, option = rest:match("^([^?]*)(.*)$")
  local digits = option:match("^%?mode=(.*)$")
  if option ~= "" and not (digits and digits:find("^0?[0-7][0-7][0-7]$")) then
    return ("behind the path only a mode such as ?mode=660 can stand, not %s"):format(words.show(option))
  end
  return socket_path(path, LISTEN_UNIX)
end

local LISTEN = 'write an address and a port, such as "127.0.0.1:8080" or "[::1]:8080"'

---An address to listen on: numeric, with a port; port 0 takes any that is free; or a unix socket.
---@param text string
---@return string? wrong
function address.listen(text)
  if text:find("^unix:") then
    local wrong = listen_socket(text:sub(6))
    return wrong and ("%s: %s"):format(words.show(text), wrong)
  end
  local host, digits = text:match("^%[(.-)%]:(%d+)$")
  local fine = host and ipv6(host)
  if not host then
    host, digits = text:match("^([^:]*):(%d+)$")
    fine = host and ipv4(host)
  end
  if not fine then
    if host == "" or host == "*" then
      return ('%s names no address: write "0.0.0.0:%s" for all'):format(words.show(text), digits)
    elseif host == "localhost" then
      return ('%s is no numeric address: write "127.0.0.1:%s"'):format(words.show(text), digits)
    end
    return ('%s is no numeric address: %s'):format(words.show(text), LISTEN)
  elseif not port(digits, 0) then
    return ('%s: ports go up to 65535'):format(words.show(text))
  end
  return nil
end

---A network: an address, with "/" and the number of leading bits that count.
---@param text string
---@return string? wrong
function address.network(text)
  local host, bits = text:match("^([^/]+)/(%d%d?%d?)$")
  host = host or text
  local most = ipv4(host) and 32 or ipv6(host) and 128
  if text == "unix" then
    return nil -- whoever comes over a unix socket
  elseif not most then
    return ('%s is no network: write one such as "10.0.0.0/8" or "fd00::/8", or "unix"')
      :format(words.show(text))
  elseif bits and tonumber(bits) > most then
    return ('%s: such an address has %d bits'):format(words.show(text), most)
  end
  return nil
end

-- A host whose last label is a number is an address in some spelling, so it must be the plain one.
local function host_wrong(host)
  local inner = host:match("^%[(.*)%]$")
  local last = host:match("([^.]*)%.?$")
  if inner then
    return not ipv6(inner)
  elseif last:find("^%d*$") or last:find("^0[xX]") then
    return not ipv4(host)
  end
  return #host > 253 or not host:find("^[%w_][%w_.-]*$") or host:find("..", 1, true) ~= nil
end

-- The number of a database of Redis: "", or digits.
local function redis_db(text)
  return text == "" or (text:find("^%d%d?%d?%d?%d?%d?$") ~= nil)
end

local REDIS = 'write one such as "redis://127.0.0.1:6379/0" or "redis+unix:///run/redis.sock"'

local function redis_socket(rest)
  local path, query = rest:match("^([^?]*)(.*)$")
  if path:byte() ~= 47 or #path > 107 then
    return "the path of the socket is not absolute, or longer than 107 bytes"
  elseif query ~= "" and not (query:find("^%?db=%d") and redis_db(query:sub(5))) then
    return "behind the path of the socket only ?db= can stand"
  end
  return nil
end

---The URL of a Redis. What is said of it shows no part of it: there may be a password.
---@param text string
---@return string? wrong
function address.redis(text)
  local scheme, rest = text:match("^([%w+]+)://(.*)$")
  if scheme == "rediss" then
    return "a Redis is spoken to without TLS: redis://, or a tunnel"
  elseif scheme ~= "redis" and scheme ~= "redis+unix" then
    return "the URL is none of a Redis: " .. REDIS
  elseif rest:find("[%s%c\128-\255]") then
    return "the URL holds white space, a control byte or a byte beyond ASCII: write %20"
  elseif scheme == "redis+unix" then
    return redis_socket(rest)
  end
  local authority, path = rest:match("^([^/]*)(.*)$")
  local user, place = authority:match("^(.*)@([^@]*)$")
  place = place or authority
  local host, digits = place:match("^(%[.*%]):(%d*)$")
  if not host then
    host, digits = place:match("^([^%[]-):(%d*)$")
  end
  host = host or place
  if not user and rest:find("@", 1, true) then
    return "the URL's user or password has a slash: write %2F"
  elseif user and not user:find("^[^:]*:.") then
    return "the URL has a user without a password: write redis://user:password@host"
  elseif user and user:gsub("%%%x%x", ""):find("%", 1, true) then
    return "the URL's user or password has a broken escape: write %25 for a %"
  elseif host == "" or host_wrong(host) then
    return ('%s is no host: %s'):format(words.show(host), REDIS)
  elseif digits and not port(digits, 1) then
    return ('%s is no port: %s'):format(words.show(digits), REDIS)
  elseif not redis_db(path:sub(2)) then
    return ('%s is no database: databases of Redis are numbers'):format(words.show(path))
  end
  return nil
end

local function service_socket(rest)
  local path, prefix = rest:match("^([^:]*)(.*)$")
  local wrong = socket_path(path, '"unix:/run/app.sock", or "unix:/run/app.sock:/prefix"')
  if wrong then
    return wrong
  elseif prefix ~= "" and prefix:sub(1, 2) ~= ":/" then
    return 'behind the path of the socket only a prefix such as ":/api" can stand'
  elseif prefix:sub(2):find("[%s%c:?#{\128-\255]") then
    return 'the prefix holds white space, a placeholder, a query, ":" or a byte beyond ASCII'
  end
  return nil
end

---The URL of a service: http or https, a host, maybe a port, maybe a prefix for all its paths; or a
---unix socket, maybe with such a prefix.
---@param text string
---@return string? wrong
function address.url(text)
  if text:find("^unix:") then
    local wrong = service_socket(text:sub(6))
    return wrong and ("%s: %s"):format(words.show(text), wrong)
  end
  local scheme, rest = text:match("^(%w+)://(.*)$")
  if not scheme then
    return ('%s is no URL: write one such as "http://127.0.0.1:9001"'):format(words.show(text))
  elseif scheme ~= "http" and scheme ~= "https" then
    return ('%s: a service speaks http or https, not %s'):format(words.show(text), scheme)
  elseif rest:find("[%s%c]") or rest:find("[\128-\255]") then
    return "the URL holds white space, a control byte or a byte beyond ASCII"
  elseif rest:find("[?#]") then
    return ('%s: the URL of a service has no query: calls have'):format(words.show(text))
  end
  local authority, path = rest:match("^([^/]*)(.*)$")
  if authority:find("@", 1, true) then
    return "the URL holds a user: send an authorization header instead"
  end
  local host, digits = authority:match("^(.-):(%d*)$")
  if authority:find("^%[") then
    host, digits = authority:match("^(%[.*%]):(%d*)$")
  end
  host = host or authority
  if host == "" or host_wrong(host) then
    return ('%s: %s is no host'):format(words.show(text), words.show(host))
  elseif digits and not port(digits, 1) then
    return ('%s: %s is no port'):format(words.show(text), words.show(digits))
  elseif path:find("{", 1, true) then
    return ('%s: no placeholders here: put them in the paths of calls'):format(words.show(text))
  end
  return nil
end

-- What may stand behind "?" in the URL of a PostgreSQL database, in libpq's own words. "host" is for
-- the folder of a unix socket, which has no place before the "/".
local POSTGRES = {
  application_name = true, channel_binding = true, host = true, keepalives = true,
  keepalives_count = true, keepalives_idle = true, keepalives_interval = true, options = true,
  port = true, ssl_max_protocol_version = true, ssl_min_protocol_version = true, sslcert = true,
  sslcrl = true, sslkey = true, sslmode = true, sslpassword = true, sslrootcert = true, sslsni = true,
  target_session_attrs = true, tcp_user_timeout = true, user = true, password = true, passfile = true,
}

local SSLMODES = {
  disable = true, allow = true, prefer = true, require = true, ["verify-ca"] = true,
  ["verify-full"] = true,
}

local function parameter_wrong(name, text)
  if not POSTGRES[name] then
    return ("its parameter %s is unknown%s"):format(words.show(name),
      words.hint(name, words.names(POSTGRES), "parameters"))
  elseif name == "sslmode" and not SSLMODES[text] then
    return ("sslmode %s is unknown%s"):format(words.show(text),
      words.hint(text, words.names(SSLMODES), "modes"))
  elseif name == "host" and text:sub(1, 1) ~= "/" and text:sub(1, 3):upper() ~= "%2F" then
    return 'its parameter "host" is for the folder of a unix socket: "?host=/run/postgresql"'
  elseif name == "port" and not port(text, 1) then
    return ("%s is no port"):format(words.show(text))
  end
  return nil
end

local function parameters_wrong(query)
  for pair in query:gmatch("[^&]+") do
    local name, text = pair:match("^([^=]*)=(.*)$")
    if not name then
      return "a parameter of it has no value: write ?name=value"
    end
    local wrong = parameter_wrong(name, text)
    if wrong then
      return wrong
    end
  end
  return nil
end

---True for what means a PostgreSQL database, right or wrong.
---@param text any
function address.is_postgres(text)
  return type(text) == "string" and text:find("^postgres") ~= nil
end

---The URL of a PostgreSQL database. What it is is not shown: it may hold a password.
---@param text string
---@return string? wrong
function address.postgres(text)
  local rest = text:match("^postgres://(.*)$") or text:match("^postgresql://(.*)$")
  if not rest then
    return 'no database begins so: write one such as "postgres://app@127.0.0.1/shop"'
  elseif rest:find("[%s%c\128-\255]") then
    return "the URL holds white space, a control byte or a byte beyond ASCII: write it as %20 and the like"
  elseif rest:find("%%%X") or rest:find("%%%x%X") or rest:find("%%%x?$") or rest:find("%%00") then
    return 'the URL holds a "%" that no two hex digits follow: write it as %25'
  end
  local before, query = rest:match("^([^?]*)%??(.*)$")
  if query:find("@", 1, true) then
    return 'a user or password in the URL holds "?": write it as %3F'
  end
  local authority, name = before:match("^([^/]*)/?(.*)$")
  local host = authority:match("^.*@(.*)$") or authority
  if authority:gsub("@[^@]*$", ""):find("@", 1, true) then
    return 'a user or password in the URL holds "@": write it as %40'
  elseif name:find("/", 1, true) then
    return 'the name of the database, or the password, holds "/": write it as %2F'
  elseif host:find(",", 1, true) then
    return "the URL has one host"
  end
  local own, digits = host:match("^(.-):(%d*)$")
  if host:find("^%[") then
    own, digits = host:match("^(%[.*%]):(%d*)$")
  end
  own = own or host
  if own ~= "" and not own:find("^%%2[Ff]") and host_wrong(own) then
    return "the URL has no sound host"
  elseif digits and not port(digits, 1) then
    return "the port of the URL is none"
  end
  return parameters_wrong(query)
end

return address
