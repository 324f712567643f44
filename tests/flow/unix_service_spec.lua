-- Services behind unix sockets, over both carriers of HTTP.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local posix = require "support.posix"
local problem = require "support.problem"
local wait = require "support.wait"

local routes = [[
local gate = require "moongate"
local app, bare, gone = gate.service "app", gate.service "bare", gate.service "gone"
gate.get("/id/{id}", { calls = { a = app:get "/{id}" }, reply = "{a.body}" })
gate.get("/bare/{id}", { calls = { a = bare:get "/id/{id}" }, reply = "{a.body}" })
gate.get("/echo", { calls = { a = bare:get "/echo" }, reply = "{a.body}" })
gate.get("/named", { calls = { a = bare:get("/echo", { headers = { Host = "app.example" } }) }, reply = "{a.body}" })
gate.post("/echo", { calls = { a = bare:post("/echo", { json = "{body}" }) }, reply = "{a.body}" })
gate.get("/big", { calls = { a = bare:get "/big/300000" }, reply = "{a.body}" })
gate.get("/gone", { calls = { a = gone:get "/x" } })
gate.get("/two/{id}", { calls = { a = gate.service "two":get "/id/{id}" }, reply = "{a.body}" })
gate.get("/full", { calls = { a = gate.service "full":get "/x" } })
gate.get("/moved", { calls = { a = bare:get("/redirect", { query = { to = "{query.to}" }, redirects = 2 }) }, reply = "{a.body}" })
gate.post("/pass/{rest...}", { pass = bare:post "/{rest}" })
]]

for _, path in ipairs { "plain", "libcurl" } do
  describe("a service behind a unix socket, over " .. path, function()
    local g, backend, folder, full

    local function socket(name)
      return folder .. "/" .. name
    end

    setup(function()
      folder = posix.folder()
      backend = faultd.start(socket "app.sock")
      full = posix.listen_unix(socket "full.sock", 0)
      assert(posix.connect(socket "full.sock")) -- one fits into its queue
      g = gateway.start({ ["gateway.lua"] = { services = {
        app  = { url = "unix:" .. socket "app.sock:/id/", path = path },
        bare = { url = backend.url, path = path },
        gone = { url = "unix:gone.sock", path = path },
        two  = { url = { "unix:gone.sock", backend.url }, path = path },
        full = { url = "unix:" .. socket "full.sock", path = path, connect = "120ms" },
      } }, ["routes.lua"] = routes }, { workers = 1 })
    end)

    teardown(function()
      gateway.clean()
      faultd.clean()
      posix.close(full)
      os.execute(("rm -rf '%s'"):format(folder))
    end)

    before_each(function() backend:reset() end)

    it("is called over one connection that is kept, with prefix, body and Host", function()
      for i = 1, 5 do
        assert.same({ id = tostring(i) }, g:get("/id/" .. i):json())
        assert.same({ id = "b" .. i }, g:get("/bare/b" .. i):json())
      end
      assert.equal(300000, #g:get("/big").body)
      local record = backend:record()
      assert.equal(11, record.requests)
      assert.equal(1, record.open_most)
      assert.is_true(record.connections <= 1)
      for target, host in pairs { ["/echo"] = "localhost", ["/named"] = "app.example" } do
        g:get(target)
        local log = backend:record().log
        assert.equal(host, log[#log].raw:match "\r\nHost: ([^\r]*)\r\n", log[#log].raw)
      end
      assert.equal("POST", g:post("/echo", { json = { a = 1 } }):json().method)
    end)

    it("takes a body that is passed, and gives its answer back", function()
      local reply = g:post("/pass/echo", { body = ("x"):rep(30000) })
      assert.equal(200, reply.status)
      assert.equal(30000, #reply:json().body)
    end)

    it("is refused where there is no socket, and left out where there is another", function()
      problem.check(g:get "/gone", 502, { a = "refused" })
      wait.in_time(function() -- what is left out is tried again after a second
        local answered = 0
        for i = 1, 10 do
          answered = answered + (g:get("/two/" .. i).status == 200 and 1 or 0)
        end
        assert.is_true(answered >= 9) -- one has to find out
      end)
    end)

    it("that takes nobody more is waited for as long as connecting may take", function()
      local plain = path == "plain" -- libcurl gives up at once
      problem.check(g:get "/full", plain and 504 or 502, { a = plain and "timeout" or "refused" })
    end)

    it("keeps redirects to itself on the socket, and goes nowhere else for them", function()
      for _, to in ipairs { "/id/7", "http://localhost/id/7", "//localhost:80/id/7", "id/7" } do
        local reply = g:get("/moved?to=" .. to)
        assert.equal('{"id":"7"}', reply.body, to)
      end
      for _, to in ipairs { "http://127.0.0.1:1/", "unix:/run/other.sock", "unix:" .. socket "app.sock:/id/7", "http://localhost:81/" } do
        assert.equal(502, g:get("/moved?to=" .. to).status, to)
      end
    end)

    it("is found again when it was restarted", function()
      assert.equal(200, g:get("/bare/1").status)
      backend:stop()
      problem.check(g:get "/bare/2", 502, { a = "refused" }) -- a file that nobody listens on
      backend = faultd.start(socket "app.sock")
      assert.is_truthy(wait.till(function() return g:get("/bare/3").status == 200 end, 10000))
      for i = 1, 5 do
        assert.equal(200, g:post("/echo", { json = { i } }).status)
      end
    end)
  end)
end

describe("gateways behind each other on unix sockets", function()
  after_each(gateway.clean)

  it("find the socket in the folder that names it", function()
    local inner = gateway.start({ ["gateway.lua"] = { listen = "unix:in.sock" },
      ["routes.lua"] = [[require("moongate").get("/api/hello", function(req) return { host = req.host, ip = req.ip } end)]] }, { listen = false })
    local g = gateway.start { ["gateway.lua"] = { services = { inner = "unix:in.sock:/api" } },
      ["routes.lua"] = [[local gate = require "moongate"
        gate.get("/", { calls = { a = gate.service "inner":get "/hello" }, reply = "{a.body}" })]] }
    os.execute(("ln -s '%s/in.sock' '%s/in.sock'"):format(inner.dir, g.dir))
    assert.same({ host = "localhost", ip = "unix" }, g:get("/"):json())
  end)
end)
