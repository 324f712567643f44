-- A gateway whose every request is answered by a function, of which a test gives the body; `api` is
-- a faultd there, and `gone` a service that nobody listens for:
--   backend = running.start()
--   local json = running.answer "return api:get('/id/7'):wait().body"
-- after_each(gateway.clean) and after_each(faultd.clean) end both.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local wait = require "support.wait"

local running = {}
local backend

-- What stands before the function in its file.
running.HEAD = [[
local gate = require "moongate"
local api, gone = gate.service "api", gate.service "gone"
]]

function running.start()
  backend = faultd.start()
  return backend
end

-- The gateway, with `req` in the function's scope. `more`: further files, or others in place of these.
function running.serve(body, more)
  local files = {
    ["gateway.lua"] = { services = { api = backend.url,
      gone = "http://127.0.0.1:" .. faultd.closed_port() } },
    ["routes.lua"] = running.HEAD .. "gate.route('*', '/{rest...}', function(req)\n" .. body .. "\nend)\n",
  }
  for path, content in pairs(more or {}) do
    files[path] = content
  end
  return gateway.start(files)
end

-- What it answers to GET /, decoded; raises what it says, and logs, when it fails.
function running.answer(body, more)
  local g = running.serve(body, more)
  local reply = g:get "/"
  if reply.status ~= 200 then
    wait.till(function() return g:log() ~= "" end, 100)
    error(reply.body .. g:log())
  end
  return reply:json()
end

return running
