-- Ways out: of a folder of files by the path that a client chooses, and of the public internet by a
-- redirect that a backend answers with. Outside lies something that must not be reached.
local faultd = require "support.faultd"
local figure = require "support.figure"
local gateway = require "support.gateway"

local CANARY = "this lies outside"

local function encoded(text)
  return (text:gsub("[^%w]", function(c) return ("%%%02x"):format(c:byte()) end))
end

-- Paths that some reader takes for a way up, in every combination.
local function traversals(folder)
  local ups = { "..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "..;", "...", "....", "%c0%ae%c0%ae", "%e0%80%ae.",
    "%c0%ae.", "..%20", "..%09", ".%00.", "..%00", "%uff0e%uff0e", "up", "in.txt/.." }
  local separators = { "/", "%2f", "%2F", "\\", "%5c", "%252f", "%c0%af", "//", "/./", "/%2e/", ";/" }
  local fronts = { "", "/", "sub/", "./", "%2f", "\\" }
  local all = { "out.txt", "up/secret.txt", "absolute", encoded(folder .. "/secret.txt"), folder .. "/secret.txt",
    "//" .. folder .. "/secret.txt", "file://" .. folder .. "/secret.txt", "%2e%2e%2fsecret.txt%00.txt", "~/secret.txt",
    "in.txt/secret.txt", "sub/up/secret.txt", "self/../secret.txt" }
  for _, up in ipairs(ups) do
    for _, separator in ipairs(separators) do
      for _, front in ipairs(fronts) do
        all[#all + 1] = front .. up .. separator .. "secret.txt"
      end
      all[#all + 1] = "sub" .. separator .. (up .. separator):rep(2) .. "secret.txt"
      all[#all + 1] = (up .. separator):rep(8) .. folder:sub(2) .. "/secret.txt"
    end
  end
  return all
end

-- URLs that some reader takes for `port` of this machine, or for another place where nothing may be
-- asked.
local function inward(port)
  local hosts = { "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001",
    "127.000.000.001", "127.0.0.1.", "localhost", "LOCALHOST", "127.255.0.1", "0", "0.0.0.0", "[::]", "[::1]",
    "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    "[::1%25lo]", "[127.0.0.1]", "%31%32%37.0.0.1", "127.0.0.1%00", "127%2e0%2e0%2e1", "\239\188\145\239\188\146\239\188\151.0.0.1",
    "127\227\128\1300\227\128\1300\227\128\1301", "8.8.8.8@127.0.0.1", "127.0.0.1#@8.8.8.8", "127.0.0.1\\@8.8.8.8",
    "user:pass@127.0.0.1", "8.8.8.8:80@127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.1.1", "172.16.0.1",
    "100.64.0.1", "[fe80::1]", "[fc00::1]", "[ff02::1]", "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.0.1" }
  local forms = { "http://%s:%d/", "HTTP://%s:%d/x", "//%s:%d/", "https://%s:%d/", "http:///%s:%d/" }
  local all = { "file:///etc/passwd", "file://localhost/etc/passwd", "gopher://127.0.0.1/_x", "dict://127.0.0.1/", "ftp://127.0.0.1/",
    "unix:///run/x.sock", "data:text/plain,x", "javascript:1", "http:", "http://", "http:/127.0.0.1/", "jar:http://127.0.0.1!/",
    "ldap://127.0.0.1/", "telnet://127.0.0.1", "\\\\127.0.0.1\\x" }
  for _, host in ipairs(hosts) do
    for _, form in ipairs(forms) do
      all[#all + 1] = form:format(host, port)
    end
  end
  return all
end

describe("ways out", function()
  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  it("of a folder of files lead nowhere", function()
    local g = gateway.start({
      ["gateway.lua"] = { files = { pages = "./pages" } },
      ["pages/in.txt"] = "this lies inside", ["pages/sub/in.txt"] = "this too", ["secret.txt"] = CANARY,
      ["routes.lua"] = [[
        local gate = require "moongate"
        local pages = gate.files "pages"
        gate.get("/rest/{rest...}", { calls = { c = pages:read "{rest}" }, reply = { got = "{c.body}" } })
        gate.get("/pass/{rest...}", { pass = pages:read "{rest}" })
        gate.get("/query", { calls = { c = pages:read "{query.p}" }, reply = { got = "{c.body}" } })
        gate.get("/made", function(req) return pages:read("sub/" .. req.query.p):wait().text end)
      ]],
    }, { workers = 1 })
    os.execute(("cd '%s/pages' && ln -s ../secret.txt out.txt && ln -s .. up && ln -s .. sub/up && ln -s . self &&" ..
      " ln -s '%s/secret.txt' absolute"):format(g.dir, g.dir))
    local forms, reached, c = traversals(g.dir), 0, nil
    local function ask(path)
      c = c or g:connect()
      local reply = assert(c:ask(path))
      if reply.headers.connection == "close" then
        c:close()
        c = nil
      end
      reached = reached + (reply.body:find(CANARY, 1, true) and 1 or 0)
      return reply
    end
    assert.equal("this lies inside", ask("/pass/self/self/in.txt").body) -- links within are followed
    for i, form in ipairs(forms) do
      ask("/rest/" .. form)
      ask("/query?p=" .. form)
      ask((i % 2 == 0 and "/pass/" or "/made?p=") .. form)
    end
    assert.is_true(#forms > 1000)
    figure.is(39, ("read outside a folder, by %d paths in three places"):format(#forms), reached, 0)
    assert.equal("this lies inside", ask("/pass/in.txt").body)
  end)

  it("by a redirect lead to nobody but the public and the service itself", function()
    local backend, canary = faultd.start(), faultd.start()
    local g = gateway.start({
      ["gateway.lua"] = { services = { backend = backend.url } },
      ["routes.lua"] = [[
        local gate = require "moongate"
        gate.get("/follow", { calls = { c = gate.service("backend"):get("/redirect", { redirects = 3,
          headers = { Authorization = "Bearer canary" }, forward = { query = "*" } }) }, within = "2s" })
      ]],
    }, { workers = 1 })
    assert.equal(200, g:get("/follow?to=/ok").status)
    assert.equal(200, g:get("/follow?to=" .. encoded(backend.url .. "/ok")).status)
    local asked = backend:record().requests
    local forms, followed, c = inward(canary.port), 0, g:connect()
    for i, form in ipairs(forms) do
      local status = i % 2 == 0 and "&status=307" or ""
      if not form:find "%%00" then -- a NUL is no query
        local reply = assert(c:ask("/follow?to=" .. encoded(form) .. status))
        followed = followed + (reply.status == 200 and 1 or 0)
      end
    end
    c:close()
    assert.is_true(#forms > 200)
    local record = canary:record()
    figure.is(39, ("connections to where nothing may go, by %d redirects"):format(#forms), #record.conns, 0)
    figure.is(26, "redirects followed that may not be", followed, 0)
    assert.is_true(backend:record().requests >= asked + #forms / 2)
  end)

  it("by a redirect to another origin take no credential with them", function()
    local backend = faultd.start()
    local g = gateway.start({
      ["gateway.lua"] = { services = { backend = backend.url } },
      ["routes.lua"] = [[
        local gate = require "moongate"
        gate.get("/follow", { calls = { c = gate.service("backend"):get("/redirect", { redirects = 1,
          headers = { Authorization = "Bearer canary" }, forward = { query = "*" } }) }, within = "1s" })
      ]],
    }, { workers = 1 })
    local reply = g:get("/follow?to=" .. encoded(("http://localhost:%d/ok"):format(backend.port)))
    assert.equal(502, reply.status) -- another name is another origin, and not a public one
    local log = backend:record().log
    assert.equal(1, #log)
    assert.truthy(log[1].raw:find("Bearer canary", 1, true))
  end)
end)
