-- The executable as a person or a service manager starts it: what it says and with which code it ends
-- when it cannot, and sockets that it is given from outside.
local gateway = require "support.gateway"
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local process = require "support.process"
local wait = require "support.wait"

local routes = [[require("moongate").get("/ok", function() return "ok" end)]]

local function lines(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do
    list[#list + 1] = line
  end
  return list
end

-- Runs `moongate ARGUMENTS`, which must end with `code`: the lines of its standard error; out of place
-- is anything on the standard output.
local function fails(code, ...)
  local got, out, err = gateway.run(...)
  assert.same({ code, "" }, { got, out }, table.concat({ ... }, " ") .. "\n" .. err)
  return lines(err)
end

local function has(text, part)
  assert.truthy(text:find(part, 1, true), ("%q is not in: %s"):format(part, text))
end

describe("a second gateway", function()
  after_each(gateway.clean)

  for _, first in ipairs { 1, 2 } do
    for _, second in ipairs { 1, 2 } do
      it(("with %d workers on the port of one with %d says so in one line"):format(second, first), function()
        local g = gateway.start({ ["routes.lua"] = routes }, { workers = first })
        local err = fails(1, "serve", g.dir, "--listen", "127.0.0.1:" .. g.port, "--workers",
          tostring(second))
        assert.equal(1, #err, table.concat(err, "\n"))
        assert.equal(("moongate: 127.0.0.1:%d: the port is in use"):format(g.port), err[1])
        for _ = 1, 20 do
          assert.equal("ok", g:get("/ok").body)
        end
      end)
    end
  end

  it("takes the port as soon as the first has ended, though its connections linger", function()
    wait.in_time(function() -- another program may be faster
      local g = gateway.start { ["routes.lua"] = routes }
      local kept = g:connect()
      assert.equal("ok", kept:ask("/ok").body)
      local port, dir = g.port, gateway.folder { ["routes.lua"] = routes }
      g:stop()
      local again = gateway.start(dir, { listen = "127.0.0.1:" .. port })
      assert.equal(port, again.port)
      assert.equal("ok", again:get("/ok").body)
    end)
  end)
end)

describe("a gateway that cannot be started", function()
  after_each(gateway.clean)

  it("says in one line what is wrong with its address", function()
    local dir = gateway.folder { ["routes.lua"] = routes }
    for address, why in pairs {
      ["127.0.0.1"] = "not an address such as 127.0.0.1:8080 or [::1]:8080",
      ["127.0.0.1:99999"] = "not an address such as",
      ["localhost:8080"] = "not an address such as",
      [":8080"] = "not an address such as",
      ["1.2.3.4:1"] = "this machine has no such address",
      ["unix:/no/such/folder/x"] = "No such file or directory",
    } do
      local err = fails(1, "serve", dir, "--listen", address)
      assert.equal(1, #err)
      has(err[1], "moongate: " .. address .. ": ")
      has(err[1], why)
    end
  end)

  it("names the folder or the file that is missing", function()
    local err = fails(1, "serve", "/no/such/folder")
    has(table.concat(err, "\n"), "/no/such/folder")
    has(table.concat(err, "\n"), "there is no such folder")
    local dir = gateway.folder { ["routes.lua"] = routes }
    os.remove(dir .. "/gateway.lua")
    for _, command in ipairs { "serve", "check", "routes" } do
      err = table.concat(fails(1, command, dir), "\n")
      has(err, "gateway.lua")
    end
    err = fails(1, "serve", dir .. "/routes.lua")
    has(table.concat(err, "\n"), "routes.lua")
  end)

  it("says what it cannot open: a folder of files, a database", function()
    local dir = gateway.folder {
      ["gateway.lua"] = { files = { f = "missing" } }, ["routes.lua"] = routes,
    }
    local err = fails(1, "serve", dir, "--listen", "127.0.0.1:0")
    assert.equal(1, #err, table.concat(err, "\n"))
    has(err[1], "missing")
    dir = gateway.folder {
      ["gateway.lua"] = { databases = { d = "sqlite:no/where.db" } }, ["routes.lua"] = routes,
    }
    err = fails(1, "serve", dir, "--listen", "127.0.0.1:0")
    assert.equal(1, #err, table.concat(err, "\n"))
    has(err[1], "where.db")
  end)

  it("shows each mistake with its file and line, and serves nothing", function()
    local dir = gateway.folder {
      ["gateway.lua"] = 'return {\n  listen = "127.0.0.1:0",\n  workerz = 2,\n}\n',
      ["routes.lua"] = routes,
    }
    local err = fails(1, "serve", dir)
    has(err[1], "gateway.lua:3: ")
    has(err[1], "workers")
    dir = gateway.folder { ["routes.lua"] = 'local gate = require "moongate"\ngate.gett("/", nil)\n' }
    err = fails(1, "serve", dir)
    has(err[1], "routes.lua:2: ")
    has(err[1], "gate.get")
  end)
end)

describe("a command line that is wrong ends with code 2 and says what was meant:", function()
  local dir

  setup(function()
    dir = gateway.folder { ["routes.lua"] = routes }
  end)

  teardown(gateway.clean)

  it("an unknown command, the nearest one", function()
    for wrong, right in pairs { sevre = "serve", chek = "check", route = "routes", versoin = "version",
      hlep = "help" } do
      local err = fails(2, wrong)
      has(err[1], ('no command "%s"'):format(wrong))
      has(err[1], ('did you mean "%s"?'):format(right))
    end
    has(fails(2, "frobnicate")[1], "moongate help")
  end)

  it("unknown options, values that are none, folders too many or too few", function()
    has(fails(2, "serve")[1], "a folder with a gateway.lua is wanted")
    has(fails(2, "serve", dir, "--wrokers", "2")[1], 'no option "--wrokers"')
    has(fails(2, "serve", dir, "--workers")[1], "--workers wants a value")
    for _, value in ipairs { "0", "-1", "257", "many", "", "2x" } do
      has(fails(2, "serve", dir, "--workers", value)[1], "a number from 1 to 256")
    end
    has(fails(2, "serve", dir, "--listen")[1], "--listen wants a value")
    has(fails(2, "serve", dir, dir)[1], "one folder at a time")
    has(fails(2, "check")[1], "a folder with a gateway.lua is wanted")
    has(fails(2, "check", dir, "--jsn")[1], 'no option "--jsn"')
    has(fails(2, "routes", dir, dir)[1], "one folder at a time")
    has(fails(2, "version", "x")[1], "takes nothing more")
    has(fails(2, "help", "x")[1], "takes nothing more")
    local usage = fails(2, "serve")
    has(usage[2], "usage: moongate serve DIR")
  end)

  it("none at all shows the help", function()
    local code, out = gateway.run()
    assert.equal(2, code)
    has(out, "moongate serve")
  end)
end)

describe("moongate", function()
  it("version and help print and end with code 0", function()
    for _, name in ipairs { "version", "--version" } do
      local code, out, err = gateway.run(name)
      assert.same({ 0, "" }, { code, err })
      assert.truthy(out:find "^moongate %d+%.%d+")
    end
    for _, name in ipairs { "help", "--help", "-h" } do
      local code, out, err = gateway.run(name)
      assert.same({ 0, "" }, { code, err })
      for _, command in ipairs { "serve", "check", "routes", "version", "help" } do
        has(out, "moongate " .. command)
      end
      has(out, "Exit codes: 0 done, 1 the work failed, 2 the command line was wrong.")
    end
  end)
end)

describe("sockets given from outside", function()
  local children, fds = {}, {}

  after_each(function()
    for _, child in ipairs(children) do
      child:kill()
    end
    for _, fd in ipairs(fds) do
      posix.close(fd)
    end
    children, fds = {}, {}
    gateway.clean()
  end)

  -- A listening socket whose number is none that a child is to have, and its port.
  local function listening()
    while true do
      local fd, port = posix.listen(100)
      fds[#fds + 1] = fd
      if fd > 9 then
        return fd, port
      end
    end
  end

  -- Starts `moongate serve` as systemd would, with LISTEN_PID the child's own number.
  local function start(given, options)
    local dir = gateway.folder { ["gateway.lua"] = { listen = "127.0.0.1:0" }, ["routes.lua"] = routes }
    local child = process.start({ "/bin/sh", "-c", ('LISTEN_PID=%s LISTEN_FDS=%s exec "$0" "$@"')
      :format(options.pid or "$$", options.count or #given), places.build .. "/moongate", "serve", dir,
      "--workers", tostring(options.workers or 2) }, { fds = given })
    children[#children + 1] = child
    return child
  end

  it("are served instead of the configured addresses, by all workers", function()
    local first, one = listening()
    local second, two = listening()
    local child = start({ [3] = first, [4] = second }, { count = 2 })
    assert.equal(tostring(one), child:expect "listening on http://127.0.0.1:(%d+)\n")
    assert.equal(tostring(two), child:expect "\nmoongate: listening on http://127.0.0.1:(%d+)\n")
    for _ = 1, 20 do
      assert.equal("ok", http.get(one, "/ok").body)
      assert.equal("ok", http.get(two, "/ok").body)
    end
    child:signal(posix.SIGTERM)
    assert.equal(0, child:wait())
  end)

  it("outlive the gateway: what comes meanwhile is served by the next", function()
    local fd, port = listening()
    local first = start({ [3] = fd }, { count = 1 })
    assert.truthy(first:expect "listening on")
    assert.equal("ok", http.get(port, "/ok").body)
    first:signal(posix.SIGTERM)
    assert.equal(0, first:wait())
    local c = http.connect(port) -- nobody accepts, but nobody refuses
    c:send(http.request "/ok")
    local second = start({ [3] = fd }, { count = 1, workers = 1 })
    assert.truthy(second:expect "listening on")
    assert.equal("ok", c:read().body)
    second:signal(posix.SIGTERM)
    assert.equal(0, second:wait())
  end)

  it("of another process are left alone", function()
    local fd, port = listening()
    local child = start({ [3] = fd }, { count = 1, pid = "1" })
    local own = child:expect "listening on http://127.0.0.1:(%d+)"
    assert.not_equal(tostring(port), own)
    child:signal(posix.SIGTERM)
    assert.equal(0, child:wait())
  end)

  it("that are none end it with one line", function()
    local child = start({}, { count = 1 })
    assert.equal(1, child:wait())
    local err = lines(child:err())
    assert.equal(1, #err, child:err())
    has(err[1], "LISTEN_FDS")
  end)
end)
