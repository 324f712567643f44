-- Other gateways before a backend, where they are installed (nginx also where tests/bench has unpacked
-- it): peers.start(backend.port) is the list of { name, port }. As we do, they tell the backend in
-- X-Forwarded-For whom a request is from. after_each(peers.clean) ends them.
local gateway = require "support.gateway"
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local process = require "support.process"
local wait = require "support.wait"

local peers = {}
local running, holders = {}, {}

local haproxy = [[
global
  maxconn 4000
defaults
  mode http
  option forwardfor
  timeout connect 1s
  timeout client 300ms
  timeout server 500ms
  timeout http-request 300ms
  timeout http-keep-alive 300ms
frontend all
  bind 127.0.0.1:@PORT@
  default_backend echo
backend echo
  server echo 127.0.0.1:@BACKEND@
]]

local nginx = [[
@USER@
daemon off;
master_process off;
pid @FOLDER@/pid;
error_log stderr crit;
events { worker_connections 4000; }
http {
  access_log off;
  client_header_timeout 300ms;
  client_body_timeout 300ms;
  keepalive_timeout 300ms;
  client_body_temp_path @FOLDER@/a;
  proxy_temp_path @FOLDER@/b;
  fastcgi_temp_path @FOLDER@/c;
  uwsgi_temp_path @FOLDER@/d;
  scgi_temp_path @FOLDER@/e;
  server {
    listen 127.0.0.1:@PORT@;
    location / {
      proxy_pass http://127.0.0.1:@BACKEND@;
      proxy_set_header X-Forwarded-For $remote_addr;
    }
  }
}
]]

local function program(...)
  for _, path in ipairs { ... } do
    local file = io.open(path)
    if file then
      file:close()
      return path
    end
  end
end

local function start(name, path, template, arguments, backend)
  if not path then
    return nil
  end
  local holder, port = posix.listen(nil) -- so that the port stays ours
  holders[#holders + 1] = holder
  local folder = gateway.folder {}
  gateway.folder({ conf = template:gsub("@(%u+)@", { PORT = port, BACKEND = backend, FOLDER = folder,
    USER = io.popen("id -u"):read "*l" == "0" and "user root;" or "" }) }, folder)
  local command = { path }
  for _, argument in ipairs(arguments) do
    command[#command + 1] = (argument:gsub("@FOLDER@", folder))
  end
  local one = process.start(command)
  running[#running + 1] = one
  local up = wait.till(function()
    local c = http.try_connect(port)
    return c and (c:close() or true)
  end, 5000)
  assert(up, name .. " does not start: " .. one:err())
  return { name = name, port = port }
end

function peers.start(backend)
  local list = {}
  list[#list + 1] = start("nginx", program("/usr/sbin/nginx", places.build .. "/bench/debian/usr/sbin/nginx"), nginx,
    { "-p", "@FOLDER@", "-e", "stderr", "-c", "@FOLDER@/conf" }, backend)
  list[#list + 1] = start("HAProxy", program "/usr/sbin/haproxy", haproxy, { "-db", "-q", "-f", "@FOLDER@/conf" }, backend)
  return list
end

function peers.clean()
  for _, one in ipairs(running) do
    one:kill()
  end
  for _, fd in ipairs(holders) do
    posix.close(fd)
  end
  running, holders = {}, {}
end

return peers
