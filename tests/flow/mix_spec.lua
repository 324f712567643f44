-- A mix of all kinds of requests, clients that leave early and reloads, then an orderly end: each is
-- answered as it should be, nothing stays open, and under AddressSanitizer nothing is leaked.
local faultd = require "support.faultd"
local figure = require "support.figure"
local gateway = require "support.gateway"
local generator = require "support.random"
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local redis = require "support.redis"
local slurp = require "support.slurp"
local wait = require "support.wait"

local routes = [[
  local gate = require "moongate"
  local api, curl, gone = gate.service "api", gate.service "curl", gate.service "gone"
  local shop, pages, cache, hits = gate.database "shop", gate.files "pages", gate.redis "cache", gate.shared "hits"
  local job = gate.task("job", { keep = "1s" }, function(args, task) task:write "a part" return { args } end)

  gate.get("/constant", { reply = { a = { 1, "two" } } })
  gate.get("/function/{n}", function(req) return { n = req.params.n, q = req.query, h = req.headers["x-y"] } end)
  gate.get("/template/{n}", { input = { n = "integer" }, calls = { c = api:get "/id/{n}" }, reply = { id = "{c.body.id}", n = "{n}" } })
  gate.get("/merged/{n}", { calls = { a = api:get "/id/{n}", b = curl:get "/id/{a.body.id}", c = gate.value { 1 } } })
  gate.get("/running/{n}", function(req)
    local got = gate.all { a = api:get("/id/" .. req.params.n), b = pages:json "page.json" }
    return { got.a.body, got.b.body }
  end)
  gate.get("/each", { calls = { c = gate.each("{query.n}", api:get "/id/{each}") }, input = { query = { n = "integer[]" } } })
  gate.get("/pass/{n}", { pass = api:get "/big/{n}" })
  gate.get("/passcurl/{n}", { pass = curl:get "/big/{n}" })
  gate.get("/file", { pass = pages:read "page.json" })
  gate.get("/files", { calls = { a = pages:json "page.json", b = pages:list "", c = pages:read("none", { optional = true }) } })
  gate.get("/sql/{n}", { calls = { a = shop:query("select ? as n, 'x' as t", "{n}") } })
  gate.get("/redis/{n}", { calls = { a = cache:set("k{n}", "{n}"), b = cache:get("k{n}", { needs = "a" }) }, reply = "{b.body}" })
  gate.get("/shared", function() return { hits:incr "n" } end)
  gate.get("/compute/{n}", { calls = { c = gate.compute("lib.twice", "twice", { args = { "{n}" } }) }, reply = { "{c.body}" } })
  gate.post("/task", function(req) return type(job:start(req.body)) end)
  gate.post("/body", { input = { body = { n = "any" } }, reply = function(req) return { req.body, req.text } end })
  gate.get("/problem", function() gate.fail(404, "x", { headers = { ["x-a"] = "b" }, more = { 1 } }) end)
  gate.get("/error", function(req) return { req.none.x } end)
  gate.get("/big", function() return ("x"):rep(1e9) end)
  gate.get("/failed", { calls = { a = gone:get "/" } })
  gate.get("/late", { within = "20ms", calls = { a = api:get "/hang" } })
  gate.get("/garbage", { calls = { a = api:get "/garbage" } })
  gate.get("/reset", { pass = api:get "/reset" })
  gate.get("/hang", { calls = { a = api:get "/delay/100/ok" } })
  gate.get("/around", { before = function(req) req.context.x = 1 end,
    after = function(_, reply) reply.headers["x-a"] = "b" end, reply = function() gate.finally(function() hits:get "n" end) return "a" end })
]]

local json = { ["Content-Type"] = "application/json" }
local kinds = {
  { 200, "/constant" }, { 200, "/function/%d?a=1&b=2" }, { 200, "/template/%d" }, { 400, "/template/x%d" }, { 200, "/merged/%d" },
  { 200, "/running/%d" }, { 200, "/each?n=1&n=2&n=%d" }, { 200, "/pass/%d" }, { 200, "/passcurl/%d" }, { 200, "/file" },
  { 200, "/files" }, { 200, "/sql/%d" }, { 200, "/redis/%d" }, { 200, "/shared" }, { 200, "/compute/%d" },
  { 200, "/task", { body = '{"a":[1]}', headers = json } }, { 200, "/body", { body = '{"n":[1,{}]}', headers = json } },
  { 400, "/body", { body = "{", headers = json } }, { 404, "/problem" }, { 500, "/error" }, { 500, "/big" }, { 502, "/failed" },
  { 502, "/garbage" }, { 502, "/reset" }, { 200, "/around" }, { 404, "/nowhere/%d" },
  { 405, "/constant", { method = "PUT", body = "x" } }, { 200, "/constant", { method = "HEAD" } },
  { 400, "/constant", { headers = { ["Bad Name"] = "x" } } },
}

describe("a mix of requests", function()
  local g, reports

  setup(function()
    reports = posix.folder()
    local backend = faultd.start()
    g = gateway.start({
      ["gateway.lua"] = { files = { pages = "./pages" }, databases = { shop = "sqlite:shop.db" },
        redis = { cache = redis.start().url }, services = { api = backend.url, curl = { url = backend.url, path = "libcurl" },
          gone = "http://127.0.0.1:" .. faultd.closed_port() } },
      ["routes.lua"] = routes, ["pages/page.json"] = '{"a":[]}', ["lib/twice.lua"] = "return { twice = function(n) return n * 2 end }",
    }, { workers = 2, env = { ASAN_OPTIONS = "detect_leaks=1:detect_stack_use_after_return=1:log_path=" .. reports .. "/report" } })
    g.backend = backend
  end)

  teardown(function()
    gateway.clean()
    redis.clean()
    faultd.clean()
    os.execute(("rm -rf '%s'"):format(reports))
  end)

  local random = generator(8)

  -- Somebody who leaves before the end, somewhere in the request or while it is being answered.
  local function leave()
    local c = g:connect()
    local bytes = http.request(random(2) == 1 and "/hang" or "/pass/5000000")
    c:send(bytes:sub(1, random(#bytes * 2)))
    if random(2) == 1 then
      c:more(posix.now() + random(20))
    end
    if random(2) == 1 then
      c:reset()
    else
      c:close()
    end
  end

  local busy = 0 -- what was refused since the machine had no time for the threads that it needs

  local function ask_one(c, wrong)
    local kind = kinds[random(#kinds)]
    local path = kind[2]:format(random(1000))
    local reply, why = c:ask(path, kind[3])
    if reply and reply.status == 503 then
      busy = busy + 1
    elseif not reply or reply.status ~= kind[1] or reply.cut then
      wrong[#wrong + 1] = ("%s: %s, not %d"):format(path, reply and reply.status or why, kind[1])
    end
    return reply and reply.headers.connection ~= "close" and not c.over
  end

  local count, left = figure.count(1000, 100000), 0

  it("is answered as each of them should be", function()
    local wrong = {}
    wait.in_time(function()
      local asked = 0
      busy = 0
      wait.at_once(16, function()
        while asked < count do
          local c, goes_on = g:connect(), true
          while goes_on and asked < count do
            asked = asked + 1
            if asked % 20 == 0 then
              leave()
              left = left + 1
            end
            if asked % 10000 == 500 then
              g:write { ["routes.lua"] = routes .. "\n-- " .. asked .. "\n" }
              g.backend:reset()
            end
            goes_on = ask_one(c, wrong)
          end
          c:close()
        end
      end)
      assert.is_true(busy <= count / 50, busy .. " times 503")
    end)
    assert.same({}, { unpack(wrong, 1, 10) })
    figure.is(8, ("answered in another way, of %d requests"):format(count), #wrong, 0)
  end)

  it("leaves nothing behind", function()
    g:stop(60000)
    local text = ""
    for name in io.popen("ls '" .. reports .. "'"):lines() do
      text = text .. slurp(reports .. "/" .. name)
    end
    local bytes = tonumber(text:match "SUMMARY: AddressSanitizer: (%d+) byte") or 0
    if places.sanitize == "address" then
      figure.is(8, ("bytes leaked after %d requests, and %d of clients who left"):format(count, left), bytes, 0)
    end
    assert.equal("", text)
  end)
end)
