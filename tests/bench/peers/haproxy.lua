-- The routes of HAProxy: see haproxy.cfg.
-- luacheck: globals core
local cjson = require "cjson"

local users, orders, wallet = os.getenv "BENCH_USERS", os.getenv "BENCH_ORDERS", os.getenv "BENCH_WALLET"

local function answer(applet, value)
  local text = cjson.encode(value)
  applet:set_status(200)
  applet:add_header("content-type", "application/json")
  applet:add_header("content-length", tostring(#text))
  applet:start_response()
  applet:send(text)
end

local function get(url)
  return cjson.decode(core.httpclient():get { url = url }.body)
end

core.register_service("hello", "http", function(applet)
  answer(applet, { message = "hello" })
end)

core.register_service("fan3", "http", function(applet)
  local id = applet.path:sub(7)
  answer(applet, {
    profile = get(users .. "/users/" .. id),
    orders = get(orders .. "/orders/" .. id),
    wallet = get(wallet .. "/wallet/" .. id),
  })
end)

core.register_service("fan20", "http", function(applet)
  local from, merged = { users, orders, wallet }, {}
  for i = 1, 20 do
    merged["part" .. i] = get(from[(i - 1) % 3 + 1] .. "/part/" .. i)
  end
  answer(applet, merged)
end)
