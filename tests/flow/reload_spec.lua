-- Files that change while the gateway runs.
local faultd = require "support.faultd"
local figure = require "support.figure"
local gateway = require "support.gateway"
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local wait = require "support.wait"

-- A file with one route that answers with a text.
local function saying(text, path)
  return ('local gate = require "moongate"\ngate.get(%q, function() return %q end)\n'):format(path or "/v", text)
end

describe("a change to a file", function()
  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  local function status(g, path)
    return g:get(path).status
  end

  -- Waits until GET path answers with this body, or this status.
  local function becomes(g, expected, path)
    path = path or "/v"
    assert.truthy(wait.till(function()
      local reply = g:get(path)
      return reply.body == expected or reply.status == expected
    end, 10000), ("%s does not become %s; the log: %s"):format(path, expected, g:log()))
  end

  local function logged(g, text)
    assert.truthy(wait.till(function() return g:log():find(text, 1, true) end, 10000), g:log())
    return select(2, g:log():gsub(text:gsub("%p", "%%%0"), ""))
  end

  -- The same on a connection that there is: its worker may be later than another.
  local function follows(conn, expected)
    local reply
    assert.truthy(wait.till(function()
      reply = conn:ask "/v"
      return reply.body == expected
    end, 10000), reply.body)
  end

  -- Waits until as many new connections in a row as no worker is left out of are answered so.
  local function is_everywhere(g, expected)
    local row = 0
    assert.truthy(wait.till(function()
      row = g:get("/v").body == expected and row + 1 or 0
      return row == 20
    end, 10000), g:log())
  end

  local function rename(g, from, to)
    assert(os.rename(g.dir .. "/" .. from, g.dir .. "/" .. to))
  end

  it("is live soon, written in place or put there by a rename", function()
    local g = gateway.start({ ["a.lua"] = saying "one" }, { workers = 2 })
    local kept = g:connect()
    assert.equal("one", kept:ask("/v").body)
    wait.below(1000, function()
      g:write { ["a.lua"] = saying "once" }
      becomes(g, "once")
      g:write { ["a.lua"] = saying "two" }
      local began = posix.now()
      becomes(g, "two")
      return posix.now() - began
    end)
    is_everywhere(g, "two")
    g:write { [".a.lua.new"] = saying "three" }
    wait.sleep(60)
    assert.equal("two", g:get("/v").body)
    rename(g, ".a.lua.new", "a.lua")
    becomes(g, "three")
    follows(kept, "three")
    g:write { ["b.lua"] = saying("new", "/new") }
    becomes(g, "new", "/new")
    os.remove(g.dir .. "/b.lua")
    becomes(g, 404, "/new")
  end)

  it("counts in modules and in sub-folders, also in those that come, go and come again", function()
    local g = gateway.start {
      ["a.lua"] = 'local gate, m = require "moongate", require "lib.m"\n'
        .. 'gate.get("/v", function() return m.text end)\n',
      ["lib/m.lua"] = 'return { text = "one" }',
    }
    becomes(g, "one")
    g:write { ["lib/m.lua"] = 'return { text = "two" }' }
    becomes(g, "two")
    for round = 1, 2 do
      g:write { ["api/deep/x.lua"] = saying("x" .. round, "/x") }
      becomes(g, "x" .. round, "/x")
      g:write { ["api/deep/x.lua"] = saying("y" .. round, "/x") }
      becomes(g, "y" .. round, "/x")
      rename(g, "api", "ipa")
      g:write { ["ipa/deep/x.lua"] = saying("z" .. round, "/x") }
      becomes(g, "z" .. round, "/x")
      assert(os.execute(("rm -r '%s/ipa'"):format(g.dir)))
      becomes(g, 404, "/x")
    end
    assert.is_nil(g:log():find(" error ", 1, true), g:log())
  end)

  it("is not loaded for what is no source: hidden files, others, the specs", function()
    local g = gateway.start { ["a.lua"] = saying "one", ["spec/a_spec.lua"] = "-- 1" }
    g:write { ["x.txt"] = "1", [".b.lua"] = saying("b", "/b"), ["spec/a_spec.lua"] = "-- 2",
      ["a.lua"] = saying "one" }
    wait.sleep(150)
    assert.equal("", g:log())
  end)

  it("that does not load leaves the old routes serving and is reported once", function()
    wait.in_time(function() -- what is seen while it is still empty loads, and what follows is reported again
      local g = gateway.start { ["a.lua"] = saying "one" }
      g:write { ["b.lua"] = 'local gate = require "moongate"\n\ngate.get("/b", { replly = "x" })\n' }
      logged(g, "the routes stay as they were")
      assert.truthy(g:log():find("b.lua:3: ", 1, true), g:log())
      assert.truthy(g:log():find("replly", 1, true), g:log())
      assert.equal("one", g:get("/v").body)
      assert.equal(404, status(g, "/b"))
      g:write { ["b.lua"] = 'local gate = require "moongate"\n\ngate.get("/b", { replly = "x" })\n' }
      wait.sleep(150)
      assert.equal(1, logged(g, "the routes stay as they were"))
      g:write { ["a.lua"] = saying "two", ["b.lua"] = saying("b", "/b") }
      becomes(g, "two")
      becomes(g, "b", "/b")
      assert.equal(1, logged(g, "b.lua:3: "))
    end)
  end)

  it("is not reported while it is half written", function()
    local g = gateway.start { ["a.lua"] = saying "one" }
    local whole = saying "two"
    local quick, round = 0, 0
    while quick < 3 and round < 20 do
      round = round + 1
      local began, said = posix.now(), #g:log()
      local file = assert(io.open(g.dir .. "/a.lua", "wb"))
      file:write(whole:sub(1, #whole - 8))
      file:flush()
      wait.sleep(40) -- it is looked at after 20 ms, and again 60 ms later
      file:write(whole:sub(-8))
      file:close()
      local took = posix.now() - began
      becomes(g, "two")
      g:write { ["a.lua"] = saying("one" .. round) }
      becomes(g, "one" .. round)
      if took < 70 then -- what is half written for longer is reported
        quick = quick + 1
        assert.is_nil(g:log():find(" error ", said + 1, true), g:log())
      end
    end
    assert.equal(3, quick)
  end)

  it("does not touch requests that have begun: they end on what they began on", function()
    local backend = faultd.start()
    local function routes(version)
      return ([[
        local gate = require "moongate"
        local backend = gate.service "backend"
        gate.get("/v", function() return "VERSION" end)
        gate.get("/plan", { calls = { c = backend:get "/held/ok" },
          reply = { v = "VERSION", c = "{c.status}" } })
        gate.get("/nap", function() backend:get("/held/ok"):wait() return "VERSION" end)
        gate.get("/at-once", { calls = { c = backend:get "/ok" }, reply = { v = "VERSION", c = "{c.status}" } })
        gate.post("/unheard", { calls = { c = backend:post "/delay/400/ok" }, within = "50ms" })
      ]]):gsub("VERSION", version)
    end
    local g = gateway.start({ ["gateway.lua"] = { services = { backend = backend.url } },
      ["a.lua"] = routes "old" }, { workers = 2 })
    local plan, nap, post = g:connect(), g:connect(), g:connect()
    plan:send(http.request "/plan")
    nap:send(http.request "/nap")
    assert.equal(2, backend:record_when(function(record) return record.in_flight == 2 end).in_flight)
    assert.equal(504, post:ask("/unheard", { method = "POST" }).status)
    g:write { ["a.lua"] = routes "new",
      ["gateway.lua"] = { services = { other = backend.url, backend = { url = backend.url, at_once = 9 } } } }
    becomes(g, "new")
    backend:release()
    assert.same({ v = "old", c = 200 }, plan:read():json())
    assert.equal("old", nap:read().body)
    follows(plan, "new")
    assert.same({ v = "new", c = 200 }, plan:ask("/at-once"):json())
    local record = backend:record_when(function(record) return record.in_flight == 0 end)
    for _, entry in ipairs(record.log) do -- the one that nobody waits for is finished too
      assert.truthy(entry.done)
    end
  end)

  it("of gateway.lua opens and closes backends, and leaves those alone that stay as they were", function()
    local kept, first, second = faultd.start(), faultd.start(), faultd.start()
    local function config(other, more)
      local all = { services = { kept = kept.url, other = other }, limits = { body = "1KiB" } }
      for key, value in pairs(more or {}) do
        all[key] = value
      end
      return all
    end
    local routes = [[
      local gate = require "moongate"
      local kept, other = gate.service "kept", gate.service "other"
      gate.get("/kept", { calls = { c = kept:get "/ok" } })
      gate.get("/other", { calls = { c = other:get "/ok" } })
      gate.post("/body", function(req) return "VERSION" end)
    ]]
    local g = gateway.start({ ["gateway.lua"] = config(first.url), ["a.lua"] = routes }, { workers = 1 })
    assert.same({ 200, 200 }, { status(g, "/kept"), status(g, "/other") })
    assert.equal(413, g:post("/body", { body = ("x"):rep(2000) }).status)
    g:write { ["gateway.lua"] = config(second.url, { limits = { body = "4KiB" } }) }
    assert.truthy(wait.till(function()
      return g:post("/body", { body = ("x"):rep(2000) }).status == 200
    end, 10000), g:log())
    assert.same({ 200, 200 }, { status(g, "/kept"), status(g, "/other") })
    assert.equal(1, #kept:record().conns)
    assert.equal(1, #second:record().log)
    assert.equal(1, #first:record().log)
    g:write { ["gateway.lua"] = config(second.url, { files = { pages = "./nowhere" } }) }
    logged(g, "files.pages: ")
    g:write { ["gateway.lua"] = config(second.url, { limits = {} }),
      ["a.lua"] = routes:gsub("VERSION", "new") }
    assert.truthy(wait.till(function() return g:post("/body").body == "new" end, 10000), g:log())
    assert.equal(200, status(g, "/kept"))
    assert.equal(1, #kept:record().conns)
  end)

  it("that brings the first https is no worker's concern until it has the new routes", function()
    local function routes(version)
      return saying(version) .. 'gate.get("/nap", { within = "1m", reply = function() gate.sleep "60s" return "x" end })\n'
    end
    local g = gateway.start({ ["gateway.lua"] = {}, ["a.lua"] = routes "one" }, { workers = 1 })
    local nap = g:connect() -- holds the first version, so that nothing goes back to who loads
    nap:send(http.request "/nap")
    assert.equal("one", g:get("/v").body)
    g:write { ["a.lua"] = routes "two" }
    becomes(g, "two")
    g:write { ["gateway.lua"] = { services = { b = "https://127.0.0.1:1" } }, ["a.lua"] = saying "three"
      .. 'gate.get("/call", { calls = { c = gate.service("b"):get "/" } })\n' }
    becomes(g, "three")
    assert.equal("refused", g:get("/call"):json().calls[1].kind)
    nap:close()
  end)

  it("of listen, or of workers, says that it needs a restart", function()
    local function config(port, workers)
      return { listen = "127.0.0.1:" .. port, workers = workers }
    end
    local g = gateway.start({ ["gateway.lua"] = config(0, 1), ["a.lua"] = saying "one" }, { listen = false })
    g:write { ["gateway.lua"] = config(1, 2), ["a.lua"] = saying "two" }
    becomes(g, "two")
    assert.equal(1, logged(g, "gateway.lua: listen has changed: that needs a restart"))
    assert.equal(1, logged(g, "gateway.lua: workers has changed: that needs a restart"))
    g:write { ["a.lua"] = saying "three" }
    becomes(g, "three")
    g:write { ["gateway.lua"] = config(0, 1), ["a.lua"] = saying "four" }
    becomes(g, "four")
    assert.equal(2, logged(g, "needs a restart"))
  end)

  it("waits while eight older versions are in use, then the last one is live", function()
    local function routes(version)
      return saying(version) .. 'gate.get("/nap", { within = "1m", reply = function() gate.sleep "60s" return "x" end })\n'
    end
    local g, naps = gateway.start({ ["a.lua"] = routes "0" }, { workers = 1 }), {}
    for i = 1, 9 do
      naps[i] = g:connect()
      naps[i]:send(http.request "/nap")
      becomes(g, tostring(i - 1))
      g:write { ["a.lua"] = routes(tostring(i)) }
      if i < 9 then
        becomes(g, tostring(i))
      end
    end
    logged(g, "8 older versions")
    g:write { ["a.lua"] = routes "10" }
    wait.sleep(100)
    assert.equal("8", g:get("/v").body)
    naps[3]:close()
    becomes(g, "10")
    for i = 1, 9 do
      naps[i]:close()
    end
  end)

  it("is loaded at SIGHUP where the folder cannot be watched", function()
    local command = { "/usr/bin/unshare", "-Ur", "/bin/sh", "-c",
      'echo 1 >/proc/sys/user/max_inotify_watches && exec "$0" "$@"' }
    if require("support.process").run { command[1], command[2], command[3], command[4], command[5],
      "/bin/true" } ~= 0 then
      return pending "the machine gives no user namespace"
    end
    local g = gateway.start({ ["a.lua"] = saying "one", ["sub/b.lua"] = saying("one", "/b") },
      { before = command })
    logged(g, "cannot be watched")
    g:write { ["sub/b.lua"] = saying("two", "/b") }
    g.process:signal(1)
    becomes(g, "two", "/b")
    assert.equal(1, logged(g, "cannot be watched"))
  end)

  it("costs keep-alive clients under load nothing, and no memory for good", function()
    local REWRITES, WARM = figure.count(40, 1000), figure.count(15, 100)
    local backend = faultd.start()
    local function routes(version)
      return ([[
        local gate = require "moongate"
        local backend = gate.service "backend"
        gate.get("/plan", { calls = { c = backend:get "/id/7" }, reply = { v = VERSION, id = "{c.body.id}" } })
        gate.get("/v", function() backend:get("/ok"):wait() return "VERSION" end)
      ]]):gsub("VERSION", version)
    end
    local config = { services = { backend = backend.url }, limits = { requests = 1000000 } }
    local g = gateway.start({ ["gateway.lua"] = config, ["a.lua"] = routes(0) }, { workers = 2 })
    local done, asked, warm = false, 0, nil
    local function client()
      local conn, seen = g:connect(), 0
      while not done do
        local reply = assert(conn:ask "/plan")
        local json = reply:json()
        assert.same({ 200, "7" }, { reply.status, json.id })
        assert.is_true(json.v >= seen, "a connection went back to older routes")
        seen, asked = json.v, asked + 1
        assert.equal(200, assert(conn:ask "/v").status)
      end
      conn:close()
    end
    local function author()
      local conn = g:connect()
      for i = 1, REWRITES do
        gateway.folder({ ["a.lua"] = i % 5 == 0 and "broken (" or routes(i) }, g.dir)
        if i % 5 == 0 then
          wait.sleep(30)
        else
          assert.truthy(wait.till(function() return assert(conn:ask "/v").body == tostring(i) end, 5000), g:log())
        end
        warm = i == WARM and g:rss() or warm
      end
      done = true
      conn:close()
    end
    wait.at_once { author, client, client, client, client }
    assert.is_true(asked > REWRITES)
    figure.least(35, ("served and none failed, during %d reloads"):format(REWRITES), 2 * asked, REWRITES)
    if places.sanitize == "" then
      wait.till(function() return g:rss() - warm <= 2048 end) -- the last ones may still be about to go
      figure.most(35, "KiB that the reloads have left", g:rss() - warm, 2048)
    end
  end)
end)
