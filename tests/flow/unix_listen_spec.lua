-- Listening on unix sockets: the file, who comes over it, and several workers behind it.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local process = require "support.process"
local wait = require "support.wait"

local routes = [[
local gate = require "moongate"
local users = gate.service "users"
gate.get("/who", function(req) return { ip = req.ip, host = req.host } end)
gate.get("/seen", { calls = { a = users:get "/ok" } })
gate.get("/hang", { calls = { a = users:get "/hang" } })
gate.get("/slow", { calls = { a = users:get "/delay/150/ok" } })
gate.get("/held", { calls = { a = users:get "/held/ok" } })
gate.get("/big", function() return ("x"):rep(500000) end)
]]

local function line(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "*l"
  pipe:close()
  return text
end

local function kind_of(path)
  return line(("stat -c '%%F %%a' '%s' 2>&1"):format(path)):match "^(%l+ %d+)$"
end

describe("a gateway on a unix socket", function()
  local backend

  setup(function() backend = faultd.start() end)
  teardown(faultd.clean)
  before_each(function() backend:reset() end)
  after_each(gateway.clean)

  -- A gateway that listens as gateway.lua says, and the path of its socket.
  local function start(config, options)
    config = config or {}
    config.services = { users = backend.url }
    config.listen = config.listen or "unix:gate.sock"
    options = options or {}
    options.listen = false
    local g = gateway.start({ ["gateway.lua"] = config, ["routes.lua"] = routes }, options)
    return g, g.dir .. "/gate.sock"
  end

  local function get(path, target, options)
    options = options or {}
    options.host = path
    return http.get(nil, target, options)
  end

  it("serves there, with a file of its own that goes with it", function()
    local g, path = start({}, { workers = 3 })
    assert.equal("unix:" .. path, g.url)
    assert.equal("socket 660", kind_of(path))
    local clients = {}
    for i = 1, 30 do
      clients[i] = http.connect(nil, { host = path })
      clients[i]:send(http.request "/slow" .. http.request "/who")
    end
    for _, client in ipairs(clients) do
      assert.equal(200, client:read().status)
      assert.same({ ip = "unix", host = "gate.test" }, client:read():json())
      assert.equal(200, client:ask("/who").status)
      client:close()
    end
    assert.equal(500000, #get(path, "/big").body)
    g:stop()
    assert.is_nil(kind_of(path))
  end)

  it("may listen elsewhere, too, with a mode of its own", function()
    local g = start { listen = { "127.0.0.1:0", "unix:gate.sock?mode=606", "unix:b.sock?mode=600" } }
    assert.equal("socket 606", kind_of(g.dir .. "/gate.sock"))
    assert.equal("socket 600", kind_of(g.dir .. "/b.sock"))
    assert.equal("127.0.0.1", g:get("/who"):json().ip)
    for _, name in ipairs { "/gate.sock", "/b.sock" } do
      assert.equal("unix", get(g.dir .. name, "/who"):json().ip)
    end
  end)

  it("is told on the command line", function()
    local folder = posix.folder()
    local g = gateway.start({ ["routes.lua"] = [[require("moongate").get("/who", function(req) return req.ip end)]] },
      { listen = "unix:" .. folder .. "/x.sock" })
    assert.equal("unix", get(folder .. "/x.sock", "/who").body)
    g:stop()
    os.execute("rmdir " .. folder) -- nothing is left in it
    assert.is_nil(line(("ls -d '%s' 2>/dev/null"):format(folder)))
    local code, _, err = gateway.run("serve", g.dir, "--listen", "unix:/nowhere/x.sock")
    assert.equal(1, code)
    assert.is_truthy(err:find("moongate: unix:/nowhere/x.sock: No such file or directory", 1, true), err)
    for _, wrong in ipairs { "unix:", "unix:/tmp/", "unix:/tmp/x?mode=888", "unix:/tmp/x?mode=1777", "unix:/tmp/x?m=600" } do
      code, _, err = gateway.run("serve", g.dir, "--listen", wrong)
      assert.equal(1, code)
      assert.is_truthy(err:find("not an address such as", 1, true), err)
    end
  end)

  it("has no address for X-Forwarded-For, and believes that of proxies there only if told to", function()
    local function seen(path)
      backend:reset()
      assert.equal(200, get(path, "/seen", { headers = { ["x-forwarded-for"] = "192.0.2.7", ["x-forwarded-proto"] = "https" } }).status)
      local raw = backend:record().log[1].raw:lower()
      return raw:match "\nx%-forwarded%-for: ([^\r]*)", raw:match "\nx%-forwarded%-proto: ([^\r]*)"
    end
    local g, path = start()
    assert.same({ nil, "http" }, { seen(path) })
    g:stop()
    g, path = start { trusted = { "unix" } }
    assert.same({ "192.0.2.7", "https" }, { seen(path) })
    assert.equal("192.0.2.7", get(path, "/who", { headers = { ["x-forwarded-for"] = "9.9.9.9, 192.0.2.7" } }):json().ip)
    assert.equal("unix", get(path, "/who"):json().ip)
    g:stop()
    g, path = start { trusted = { "0.0.0.0/0" } }
    assert.same({ nil, "http" }, { seen(path) })
    g:stop()
  end)

  it("takes the file over from one that was killed, but not from one that listens", function()
    local g, path = start()
    g:kill()
    assert.equal("socket 660", kind_of(path))
    local next_one = gateway.start(g.dir, { listen = false })
    assert.equal(200, get(path, "/who").status)
    local code, _, err = gateway.run("serve", g.dir)
    assert.equal(1, code)
    assert.is_truthy(err:find("gate.sock: another process listens there", 1, true), err)
    assert.equal(200, get(path, "/who").status)
    -- What stands there by now is another's.
    os.execute(("mv '%s' '%s.old' && echo kept > '%s'"):format(path, path, path))
    next_one:stop()
    assert.equal("kept", line(("cat '%s'"):format(path)))
    code, _, err = gateway.run("serve", g.dir)
    assert.equal(1, code)
    assert.is_truthy(err:find("gate.sock: a file that is no socket stands there", 1, true), err)
    assert.equal("kept", line(("cat '%s'"):format(path)))
  end)

  it("does not wait for long where another holds the folder locked", function()
    local folder = gateway.folder { ["routes.lua"] = [[require("moongate").get("/who", { reply = 1 })]] }
    local holder = process.start { "/usr/bin/flock", "--no-fork", folder, "/bin/sh", "-c", "echo held; exec sleep 60" }
    holder:expect "held"
    local code, _, err = gateway.run("serve", folder, "--listen", "unix:" .. folder .. "/gate.sock")
    holder:kill()
    assert.equal(1, code)
    assert.is_truthy(err:find("gate.sock: another process holds its folder locked", 1, true), err)
    assert.is_nil(kind_of(folder .. "/gate.sock"))
  end)

  it("drains: who has asked is answered, who comes later finds no file", function()
    local g, path = start()
    local client = http.connect(nil, { host = path })
    client:send(http.request "/held")
    assert.equal(1, backend:record_when(function(r) return r.in_flight == 1 end, 10000).in_flight)
    g.process:signal(posix.SIGTERM)
    assert.is_truthy(wait.till(function() return not kind_of(path) end, 10000))
    backend:release()
    assert.equal(200, client:read().status)
    client:close()
    g:stop()
  end)

  it("takes a socket that it is given, whose file is not its own", function()
    local folder = gateway.folder { ["routes.lua"] = routes:gsub('gate.service "users"', '{ get = function() return gate.value(1) end }') }
    local path = folder .. "/given.sock"
    local fd = posix.listen_unix(path)
    local child = process.start({ "/bin/sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"', places.build .. "/moongate", "serve", folder,
      "--workers", "2" }, { fds = { [3] = fd } })
    assert.equal(path, child:expect "listening on unix:(%S+)\n")
    for _ = 1, 10 do
      assert.equal("unix", get(path, "/who"):json().ip)
    end
    child:signal(posix.SIGTERM)
    assert.equal(0, child:wait())
    posix.close(fd)
    assert.is_truthy(kind_of(path))
  end)

  it("sees that a client has left, also while it does not read", function()
    local _, path = start()
    for _, more in ipairs { "", ("x"):rep(200000) } do
      local client = http.connect(nil, { host = path })
      client:send(http.request "/hang")
      assert.equal(1, backend:record_when(function(r) return r.in_flight == 1 end, 10000).in_flight)
      if more ~= "" then
        posix.send(client.fd, more, 0)
      end
      client:close()
      assert.equal(0, backend:record_when(function(r) return r.open == 0 end, 10000).open)
    end
    assert.equal(200, get(path, "/who").status)
  end)
end)
