-- Ten thousand requests of each kind leave the gateway as large as it was.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local http = require "support.http"
local wait = require "support.wait"

local ROUTES = [[
  local gate = require "moongate"
  local api, gone, shop, pages = gate.service "api", gate.service "gone", gate.database "shop", gate.files "pages"
  local path = "/ok?body=%7B%22list%22:%5B1,2,3%5D,%22n%22:12345678901234567890,%22o%22:%7B%7D%7D"

  gate.get("/template", { calls = { a = api:get(path) }, reply = { n = "{a.body.n}", text = "x {a.status}" } })
  gate.get("/merged", { calls = { a = api:get(path), b = gate.value { 1 } } })
  gate.get("/function", function(req)
    local a = api:get(path):wait()
    return { n = a.body.n, list = a.body.list, query = req.query, headers = req.headers["x-y"] }
  end)
  gate.get("/all", function()
    local got = gate.all { a = api:get "/ok", b = gate.value(1), c = gate.value(2):start() }
    return { got.a.body, got.b.body, got.c.body }
  end)
  gate.get("/sql", function()
    local row = shop:one("select ? as a, ? as b", "text", 7):wait()
    return row.body
  end)
  gate.get("/file", { calls = { page = pages:json "page.json" } })
  gate.get("/problem", function() gate.fail(404, "x", { headers = { ["x-a"] = "b" }, more = { 1 } }) end)
  gate.get("/error", function(req) return { req.none.x } end)
  gate.get("/caught", function()
    local ok, why = pcall(function() return gone:get("/"):wait() end)
    return { ok, why.detail }
  end)
  gate.get("/failed", { calls = { a = gone:get "/" } })
  gate.get("/optional", { calls = { a = gone:get("/", { optional = true }) } })
  gate.get("/unheard", function()
    api:post("/ok", { json = { 1 } }):start()
    api:get("/delay/5/ok"):start()
    return { "at once" }
  end)
  gate.post("/body", { input = { body = { n = "any" } }, reply = function(req) return { req.body, req.text } end })
]]

describe("ten thousand requests", function()
  local backend, g

  setup(function()
    backend = faultd.start()
    g = gateway.start {
      ["gateway.lua"] = { workers = 1, files = { pages = "./pages" }, databases = { shop = "sqlite:shop.db" },
        services = { api = backend.url, gone = "http://127.0.0.1:" .. faultd.closed_port() } },
      ["routes.lua"] = ROUTES, ["pages/page.json"] = '{"a":[]}',
    }
  end)

  teardown(gateway.clean)
  teardown(faultd.clean)

  -- Sends `count` requests on 16 connections, 25 at a time on each: all are answered with that status.
  local function ask(status, path, count, options)
    local bytes = http.request(path .. "?x=1&y=2", options):rep(25)
    wait.in_time(function() -- threads that were stopped at work seem to hang: 503
      local others = {}
      wait.at_once(16, function()
        local c = g:connect()
        for _ = 1, count / 16 / 25 do
          c:send(bytes)
          for _ = 1, 25 do
            local reply = assert(c:read())
            others[#others + 1] = reply.status ~= status and reply.status or nil
          end
        end
        c:close()
      end)
      backend:reset()
      assert.same({}, others)
    end)
  end

  local kinds = { template = 200, merged = 200, ["function"] = 200, all = 200, sql = 200, file = 200, problem = 404,
    error = 500, caught = 200, failed = 502, optional = 200, unheard = 200, none = 404, body = 200 }
  for kind, status in pairs(kinds) do
    it("of the kind " .. kind .. " leave it as large as it was", function()
      local options = kind == "body" and { json = { n = { 1 } } } or nil
      local slow = wait.slack > 1
      ask(status, "/" .. kind, slow and 400 or 2000, options)
      if slow then
        return -- the sanitizers count what is leaked, and keep what was freed
      end
      local threads = g:threads()
      local grown = {}
      repeat -- a leak shows each time; that more was in flight than before, on a busy machine, does not
        local before = g:rss()
        ask(status, "/" .. kind, 10000, options)
        grown[#grown + 1] = g:rss() - before
      until grown[#grown] < 1536 or #grown == 3
      assert(grown[#grown] < 1536, table.concat(grown, ", ") .. " KiB more")
      assert.equal(threads, g:threads())
    end)
  end
end)
