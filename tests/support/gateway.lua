-- The real executable on a gateway folder made for the test:
--   local g = gateway.start {
--     ["gateway.lua"] = { services = { users = backend.url } },   -- text, or a table to return
--     ["routes.lua"] = [[ ... ]],
--   }
--   local reply = g:get "/account/42"
-- What it holds and uses is asked of its server process (g.pid), signals go to the supervisor above it
-- (g.process), as a service manager's do.
-- after_each(gateway.clean) stops what a test started, as a service manager would: by SIGTERM, and
-- it is an error if that does not end it with exit code 0.
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local process = require "support.process"

local gateway = {}
gateway.__index = gateway
local running, folders = {}, {}

local function lua(value, indent)
  if type(value) ~= "table" then
    return type(value) == "string" and ("%q"):format(value) or tostring(value)
  end
  local lines = {}
  local inner = indent .. "  "
  for i = 1, #value do
    lines[#lines + 1] = inner .. lua(value[i], inner)
  end
  local keys = {}
  for key in pairs(value) do
    if type(key) ~= "number" then
      keys[#keys + 1] = key
    end
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    lines[#lines + 1] = ("%s[%q] = %s"):format(inner, key, lua(value[key], inner))
  end
  return "{\n" .. table.concat(lines, ",\n") .. "\n" .. indent .. "}"
end

local function write(path, content)
  local file = assert(io.open(path, "wb"))
  file:write(type(content) == "table" and "return " .. lua(content, "") .. "\n" or content)
  file:close()
end

-- Writes files (path -> text, or a table that the file is to return) into a new folder, or into
-- `folder`; a gateway.lua that is missing is made empty. Returns the folder.
function gateway.folder(files, folder)
  local made = not folder
  folder = folder or posix.folder()
  if made then
    folders[#folders + 1] = folder
  end
  for path, content in pairs(files) do
    local parent = path:match "^(.*)/[^/]*$"
    if parent then
      assert(os.execute(("mkdir -p '%s/%s'"):format(folder, parent)))
    end
    write(folder .. "/" .. path, content)
  end
  if made and not files["gateway.lua"] then
    write(folder .. "/gateway.lua", {})
  end
  return folder
end

-- Requests wait for a worker for as long as a busy machine, or a sanitizer, makes them, and what a
-- sanitizer makes slow does not hang: refusing and replacing are for the specs that ask for it.
local function patient(files, made)
  local config = files["gateway.lua"] or made and {}
  if type(config) ~= "table" then
    return files
  end
  local copy, own = {}, {}
  local limits = { queue_delay = "2s", hung = places.sanitize ~= "" and "20s" or nil }
  for path, content in pairs(files) do copy[path] = content end
  for key, value in pairs(config) do own[key] = value end
  for name, value in pairs(config.limits or {}) do limits[name] = value end
  copy["gateway.lua"], own.limits = own, limits
  return copy
end

-- Runs `moongate` with these arguments to its end: exit code, standard output, standard error.
function gateway.run(...)
  return process.run { places.build .. "/moongate", ... }
end

-- Runs `moongate check` on these files: exit code, output and errors as one text, with the folder's
-- name taken out of it.
function gateway.check(files)
  local folder = gateway.folder(files)
  local code, out, err = gateway.run("check", folder)
  local text = (out .. err):gsub(folder:gsub("%p", "%%%0") .. "/?", "")
  return code, text
end

-- Starts `moongate serve` on files, or on a folder given as text. options: workers, listen (default
-- "127.0.0.1:0"; false: as gateway.lua says), arguments (more of them), env, files (how many descriptors it may have), before (a
-- command that runs it), err (see process.start).
function gateway.start(files, options)
  options = options or {}
  local folder = type(files) == "string" and files or gateway.folder(patient(files, true))
  local command = { places.build .. "/moongate", "serve", folder }
  if options.listen ~= false then
    command[#command + 1] = "--listen"
    command[#command + 1] = options.listen or "127.0.0.1:0"
  end
  if options.workers then
    command[#command + 1] = "--workers"
    command[#command + 1] = tostring(options.workers)
  end
  for _, argument in ipairs(options.arguments or {}) do
    command[#command + 1] = argument
  end
  if options.files then
    command = { "/bin/sh", "-c", ('ulimit -n %d; exec "$0" "$@"'):format(options.files),
      unpack(command) }
  end
  if options.before then
    local with = { unpack(options.before) }
    for _, word in ipairs(command) do
      with[#with + 1] = word
    end
    command = with
  end
  local self = setmetatable({ dir = folder }, gateway)
  self.process = process.start(command, { env = options.env, err = options.err })
  local address = self.process:expect "listening on (%S+)\n"
  if not address then
    self.process:kill()
    error("the gateway does not start: " .. self.process.printed .. self.process:err(), 2)
  end
  running[#running + 1] = self
  self.port, self.url = tonumber(address:match ":(%d+)$"), address
  self.pid = self:server_pid()
  return self
end

-- The number of the server process that there is now: the newest one, below the supervisor and
-- whatever else has started that (options.before). nil when there is none.
function gateway:server_pid()
  local found = process.newest_below(self.process.pid)
  return found ~= self.process.pid and found or nil
end

-- Writes or changes files of the running gateway.
function gateway:write(files)
  gateway.folder(patient(files), self.dir)
end

function gateway:get(path, options)
  return http.get(self.port, path, options)
end

function gateway:post(path, options)
  return http.post(self.port, path, options)
end

function gateway:connect(options)
  return http.connect(self.port, options)
end

function gateway:log() -- what it wrote to standard error
  return self.process:err()
end

for _, name in ipairs { "threads", "fds", "rss", "cpu" } do
  gateway[name] = function(self) return process[name](self) end
end

-- SIGTERM; raises unless it then ends with code 0 within `within` ms, without a sanitizer's report.
function gateway:stop(within)
  if self.stopped then
    return
  end
  self.stopped = true
  self.process:signal(posix.SIGTERM)
  local code = self.process:wait(within or 15000)
  if not code then
    self.process:kill()
    error("the gateway did not end at SIGTERM; its log: " .. self:log(), 2)
  end
  if code ~= 0 or self:log():find "Sanitizer" then
    error(("the gateway ended with code %d; its log: %s"):format(code, self:log()), 2)
  end
end

-- Ends all of it by SIGKILL: the supervisor is stopped meanwhile, or it would start another server.
function gateway:kill()
  self.stopped = true
  self.process:signal(posix.SIGSTOP)
  local server = self:server_pid()
  if server then
    process.kill_other(server)
  end
  self.process:kill()
end

function gateway.clean()
  local problem
  for _, one in ipairs(running) do
    local ok, why = pcall(one.stop, one)
    problem = problem or (not ok and why)
  end
  for _, folder in ipairs(folders) do
    os.execute(("rm -rf '%s'"):format(folder))
  end
  running, folders = {}, {}
  if problem then
    error(problem, 0)
  end
end

return gateway
