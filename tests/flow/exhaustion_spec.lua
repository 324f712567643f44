-- What the machine runs out of: room for the log, threads. Requests go on, or are told that they cannot.
local ffi = require "ffi"
local figure = require "support.figure"
local gateway = require "support.gateway"
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local process = require "support.process"
local slurp = require "support.slurp"
local wait = require "support.wait"

describe("a log on a disk that is full", function()
  after_each(gateway.clean)

  -- A disk of 64 KiB at /mnt, of the gateway alone, with the log on it.
  local small = { "/usr/bin/unshare", "-Urm", "/bin/sh", "-c",
    'mount -t tmpfs -o size=64k none /mnt && exec "$0" "$@" 2>>/mnt/log' }

  it("loses lines, which are counted, and no request", function()
    local probe = { unpack(small) }
    probe[#probe + 1] = "/bin/true"
    if process.run(probe) ~= 0 then
      return pending "the machine gives no user namespace"
    end
    local g = gateway.start({ ["routes.lua"] = [[
      local gate = require "moongate"
      gate.get("/raise/{what}", function(req) error("raised " .. req.params.what) end)
      gate.get("/ok", function() return "ok" end)
    ]] }, { workers = 1, before = small })
    local path, count = ("/proc/%d/%s/mnt/log"):format(g.pid, "root"), 600
    local c, wrong = g:connect(), 0
    for _ = 1, count do
      wrong = wrong + (c:ask("/raise/" .. ("x"):rep(500)).status == 500 and 0 or 1)
    end
    c:close()
    assert.equal("ok", g:get("/ok").body)
    assert.is_true(#slurp(path) <= 65536)
    os.execute((": > '%s'"):format(path)) -- there is room again
    assert.truthy(wait.till(function()
      g:get "/raise/again"
      return slurp(path):find "Z warn  %d+ log lines were dropped"
    end, 10000), slurp(path):sub(-1000))
    local dropped = tonumber(slurp(path):match "(%d+) log lines were dropped")
    assert.is_true(dropped > 200 and dropped < count, dropped)
    for line in slurp(path):gmatch "([^\n]*)\n" do
      assert.truthy(line == "" or line:find "^%d+%-%d%d%-%d%dT[%d:.]+Z %l+ +%S", line)
    end
    figure.is(37, ("requests lost of %d whose log line has no room; %d lines dropped and counted"):format(count, dropped),
      wrong, 0)
  end)
end)

describe("a gateway that gets no more threads", function()
  if places.sanitize ~= "" then
    pending "sanitizers make threads in a way of their own"
    return
  end

  local folder

  local function fail_thread(number)
    local file = assert(io.open(folder .. "/control", "w+b"))
    file:write(("\0"):rep(24), ffi.string(ffi.new("int64_t[1]", number), 8))
    file:close()
  end

  local function env()
    return { LD_PRELOAD = places.build .. "/tests/failing.so", MG_FAILING = folder .. "/control" }
  end

  local files = {
    ["gateway.lua"] = { files = { pages = "./pages" }, databases = { shop = "sqlite:shop.db" },
      services = { nowhere = "http://nowhere.invalid" } },
    ["routes.lua"] = [[
      local gate = require "moongate"
      gate.task("job", function() end)
      gate.get("/ok", function() return "ok" end)
      gate.get("/file", { calls = { c = gate.files "pages":read "in.txt" } })
      gate.get("/rows", { calls = { c = gate.database "shop":query "select 1 as n" } })
      gate.get("/sum", { calls = { c = gate.compute("lib.one", "one") } })
      gate.get("/name", { calls = { c = gate.service "nowhere":get "/" } })
      gate.get("/version", function() return "1" end)
    ]],
    ["pages/in.txt"] = "inside", ["lib/one.lua"] = "return { one = function() return 1 end }",
  }

  before_each(function()
    folder = posix.folder()
    fail_thread(0)
  end)

  after_each(function()
    gateway.clean()
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  it("at its start says so and ends, or serves without it", function()
    local ended, served, number, crashes = 0, 0, 0, {}
    repeat
      number = number + 1
      fail_thread(number)
      local one = process.start({ places.build .. "/moongate", "serve", gateway.folder(files), "--listen", "127.0.0.1:0",
        "--workers", "2" }, { env = env() })
      local port = one:expect "listening on %S+:(%d+)\n"
      local _, reply = pcall(http.get, tonumber(port), "/ok")
      one:signal(posix.SIGTERM)
      local code = one:wait(20000)
      one:kill()
      local fine
      if port then
        served, fine = served + 1, code == 0 and reply.body == "ok"
      else
        ended, fine = ended + 1, code == 1 and #one:err() > 10
      end
      if not fine then
        crashes[#crashes + 1] = ("thread %d: it %s, and ended with %s: %s"):format(number,
          port and "answered " .. (reply.body or reply) or "did not serve", tostring(code), one:err())
      end
      local left = tonumber(ffi.cast("const int64_t *", slurp(folder .. "/control"))[3])
    until left > 0 or number > 40 -- no thread of that number was made
    assert.same({}, crashes)
    assert.is_true(number > 3 and number <= 40 and ended > 0 and served > 0)
    figure.is(37, ("crashes of %d starts with a thread that cannot be made"):format(number), #crashes, 0)
  end)

  it("while it runs answers what needs none, and all when there are some again", function()
    local g = gateway.start(files, { workers = 1, env = env() })
    fail_thread(-1)
    for _ = 1, 3 do
      for _, path in ipairs { "/file", "/rows", "/sum", "/name" } do
        local reply = g:get(path)
        assert.is_true(reply.status == 200 or reply.status >= 500, path .. ": " .. reply.status)
      end
      assert.equal("ok", g:get("/ok").body)
    end
    fail_thread(0)
    assert.truthy(wait.till(function()
      return g:get("/file").status == 200 and g:get("/rows").status == 200 and g:get("/sum").status == 200
    end, 10000), g:log())
    g:write { ["routes.lua"] = (files["routes.lua"]:gsub('"1"', '"2"')) }
    assert.truthy(wait.till(function() return g:get("/version").body == "2" end, 10000), g:log())
  end)
end)
