-- Files that a route passes: with type, ranges, tags and conditions; a slow client costs a descriptor
-- and nothing else.
local gateway = require "support.gateway"
local lfs = require "lfs"
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local problem = require "support.problem"
local wait = require "support.wait"

local CHANGED, DATE = 784111777, "Sun, 06 Nov 1994 08:49:37 GMT"

local ROUTES = [[
  local gate = require "moongate"
  local pages = gate.files "pages"
  gate.get("/static/{rest...}", { pass = pages:read "{rest}" })
  gate.get("/one/{name}", { pass = pages:read "{name}.txt" })
  gate.route("*", "/any/{rest...}", { pass = pages:read "{rest}" })
  gate.get("/after/{rest...}", { calls = { a = gate.value("a.txt", { delay = "5ms" }), b = gate.value(1, { optional = true }) },
    pass = pages:read "{a.body}" })
  gate.get("/idle/{rest...}", { pass = pages:read "{rest}", idle = "300ms" })
  gate.get("/collected", { calls = { it = pages:read "a.txt" }, reply = "{it.body}" })
]]

local big = {}
for i = 1, 1000000 do -- 8 MB: more than the kernel takes at once
  big[i] = ("%08d"):format(i)
end
big = table.concat(big)

local g

-- How many descriptors the gateway has when it has served and nothing is open.
local function settled()
  assert.equal(200, g:get("/static/a.txt").status)
  local fds
  wait.till(function()
    local now = g:fds()
    local same = now == fds
    fds = now
    return same
  end)
  return fds
end

local function start(more, options)
  local config = { workers = 1, files = { pages = "./pages" }, limits = {} }
  for key, value in pairs(more or {}) do
    config.limits[key] = value
  end
  g = gateway.start({
    ["gateway.lua"] = config, ["routes.lua"] = ROUTES, ["pages/a.txt"] = "0123456789", ["pages/empty.css"] = "",
    ["pages/sub/index.html"] = "<p>", ["pages/big.bin"] = big, ["secret.txt"] = "secret",
  }, options)
  os.execute(("ln -s ../secret.txt '%s/pages/out.txt'"):format(g.dir))
  for _, name in ipairs { "a.txt", "empty.css", "big.bin", "sub/index.html" } do
    lfs.touch(g.dir .. "/pages/" .. name, CHANGED)
  end
end

-- Takes bytes of a reply off a connection, at least `count`, and throws them away; how many.
local function drop(c, count)
  local had = #c.buffer
  c.buffer = ""
  while had < count do
    if not c:more(posix.now() + http.within * wait.slack) then
      break
    end
    had, c.buffer = had + #c.buffer, ""
  end
  return had
end

-- Begins a reply and leaves its body: the connection, and the length that was announced.
local function begin(path, options)
  local c = g:connect(options)
  c:send(http.request(path))
  while not c.buffer:find("\r\n\r\n", 1, true) do
    assert(c:more(posix.now() + http.within * wait.slack))
  end
  local head, rest = c.buffer:match "^(.-\r\n\r\n)(.*)$"
  c.buffer = rest
  return c, tonumber(head:match "Content%-Length: (%d+)"), head
end

describe("a file that is passed", function()
  setup(function() start() end)
  teardown(gateway.clean)

  local function get(path, headers, method)
    return g:get(path, { headers = headers, method = method })
  end

  it("comes with its type, length, tag and date", function()
    for path, want in pairs {
      ["/static/a.txt"] = { "text/plain; charset=utf-8", "0123456789" }, ["/one/a"] = { "text/plain; charset=utf-8", "0123456789" },
      ["/static/empty.css"] = { "text/css; charset=utf-8", "" }, ["/static/sub/index.html"] = { "text/html; charset=utf-8", "<p>" },
      ["/static/big.bin"] = { "application/octet-stream", big },
    } do
      local reply = get(path)
      assert.same({ 200, want[1], tostring(#want[2]), DATE, "bytes" }, { reply.status, reply.headers["content-type"],
        reply.headers["content-length"], reply.headers["last-modified"], reply.headers["accept-ranges"] }, path)
      assert.is_true(want[2] == reply.body, path)
      assert.matches('^"%x+"$', reply.headers.etag)
      assert.is_string(reply.headers["x-request-id"])
    end
  end)

  it("is told by HEAD as by GET, and leaves the connection for the next request", function()
    local c = g:connect()
    local get_it = c:ask "/static/big.bin"
    local head = c:ask("/static/big.bin", { method = "HEAD", headers = { Range = "bytes=0-1" } })
    assert.same({ 200, "", get_it.headers["content-length"], get_it.headers.etag },
      { head.status, head.body, head.headers["content-length"], head.headers.etag })
    local tag = head.headers.etag
    assert.equal(304, c:ask("/static/big.bin", { headers = { ["If-None-Match"] = tag } }).status)
    assert.equal(206, c:ask("/static/big.bin", { headers = { Range = "bytes=5-6" } }).status)
    assert.equal(416, c:ask("/static/big.bin", { headers = { Range = "bytes=99999999-" } }).status)
    assert.equal(404, c:ask("/static/none").status)
    assert.equal("0123456789", c:ask("/static/a.txt").body)
    c:close()
  end)

  it("comes in part", function()
    for range, want in pairs { ["bytes=2-4"] = { "234", "bytes 2-4/10" }, ["bytes=-3"] = { "789", "bytes 7-9/10" },
                               ["bytes=8-"] = { "89", "bytes 8-9/10" } } do
      local reply = get("/static/a.txt", { Range = range })
      assert.same({ 206, want[1], want[2], tostring(#want[1]) },
        { reply.status, reply.body, reply.headers["content-range"], reply.headers["content-length"] })
    end
    local reply = get("/static/big.bin", { Range = "bytes=1000000-1499999" })
    assert.is_true(big:sub(1000001, 1500000) == reply.body)
    for _, range in ipairs { "bytes=0-1,4-5", "lines=1-2", "bytes=4-2", "" } do
      reply = get("/static/a.txt", { Range = range })
      assert.same({ 200, "0123456789", nil }, { reply.status, reply.body, reply.headers["content-range"] })
    end
  end)

  it("has no part behind its end: 416 with its size", function()
    local reply = get("/static/a.txt", { Range = "bytes=10-" })
    problem.check(reply, 416, { pass = "status" })
    assert.equal("bytes */10", reply.headers["content-range"])
    assert.is_nil(reply.headers.etag)
  end)

  it("is not sent to who has it already, nor to who wants another version", function()
    local tag = get("/static/a.txt").headers.etag
    for _, headers in ipairs { { ["If-None-Match"] = tag }, { ["If-None-Match"] = '"x", W/' .. tag },
                               { ["If-None-Match"] = "*" }, { ["If-Modified-Since"] = DATE } } do
      local reply = get("/static/a.txt", headers)
      assert.same({ 304, "", tag, nil }, { reply.status, reply.body, reply.headers.etag, reply.headers["content-length"] })
    end
    local reply = get("/static/a.txt", { { "If-None-Match", '"x"' }, { "If-None-Match", tag } })
    assert.equal(304, reply.status)
    for _, headers in ipairs { { ["If-Match"] = '"x"' }, { ["If-Unmodified-Since"] = "Sun, 06 Nov 1994 08:49:36 GMT" } } do
      problem.check(get("/static/a.txt", headers), 412, { pass = "status" })
    end
    assert.equal("234", get("/static/a.txt", { Range = "bytes=2-4", ["If-Range"] = tag }).body)
    assert.equal("234", get("/static/a.txt", { Range = "bytes=2-4", ["If-Range"] = DATE }).body)
    assert.equal(200, get("/static/a.txt", { Range = "bytes=2-4", ["If-Range"] = '"x"' }).status)
  end)

  it("is 404 when there is none, be it a folder or a way out", function()
    for _, path in ipairs { "none", "sub", "sub/", "", "a.txt/", "a.txt/b", "sub/none", "%2e%2e/secret.txt", "sub/%2e%2e/a.txt",
                            "..%2fsecret.txt", "%2Fetc/passwd", "/etc/passwd", "a//b", ("n"):rep(300), "." } do
      local reply = get("/static/" .. path)
      problem.check(reply, 404, { pass = "status" })
      assert.is_nil(reply.body:find("secret", 1, true))
    end
    local reply = get "/static/out.txt" -- a link that leads out is the gateway's mistake
    problem.check(reply, 502, { pass = "file" })
    assert.is_nil(reply.body:find("secret", 1, true))
  end)

  it("is read by any method that the route has, whole unless it is GET", function()
    for _, method in ipairs { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" } do
      local reply = g:get("/any/a.txt", { method = method, body = method ~= "GET" and "ignored" or nil,
                                          headers = { Range = "bytes=0-1" } })
      assert.same(method == "GET" and { 206, "01" } or { 200, "0123456789" }, { reply.status, reply.body }, method)
    end
  end)

  it("waits for the calls that its path names", function()
    assert.equal("0123456789", get("/after/x").body)
  end)

  it("speaks to HTTP/1.0", function()
    local reply = g:get("/static/big.bin", { version = "HTTP/1.0" })
    assert.same({ 200, tostring(#big), "close" }, { reply.status, reply.headers["content-length"], reply.headers.connection })
    assert.is_true(big == reply.body)
  end)

  it("answers pipelined requests in their order", function()
    local c = g:connect()
    c:send(http.request("/static/big.bin") .. http.request("/static/a.txt") .. http.request("/static/none")
      .. http.request("/static/a.txt", { headers = { Range = "bytes=0-0" } }))
    assert.is_true(big == c:read().body)
    assert.equal("0123456789", c:read().body)
    assert.equal(404, c:read().status)
    assert.equal("0", c:read().body)
    c:close()
  end)
end)

describe("a passed file and a client that", function()
  after_each(gateway.clean)

  it("reads nothing hold no thread: others are served by the only one", function()
    start { file_threads = 1, write_idle = "1m" }
    local fds, held = settled(), {}
    for i = 1, 20 do
      held[i] = begin("/static/big.bin", { receive_room = 200000 })
    end
    wait.in_time(function() -- a thread that was stopped at work seems to hang: 503
      assert.equal("0123456789", g:get("/static/a.txt").body)
      assert.equal("0123456789", g:get("/collected"):json())
    end)
    for i = 1, 10 do -- some go on, others leave
      assert.equal(#big, drop(held[i], #big))
    end
    for _, c in ipairs(held) do
      c:close()
    end
    assert.is_true(wait.till(function() return g:fds() <= fds end, 5000))
  end)

  it("reads nothing is one of so many that no descriptor is left: 503, until some have left", function()
    start({ write_idle = "1m" }, { files = 100 })
    local kept, held = g:connect(), {}
    assert.equal(200, kept:ask("/static/a.txt").status)
    local fds = settled()
    local accepted, refused
    repeat -- until nobody is accepted any more
      held[#held + 1] = g:connect { receive_room = 200000 }
      held[#held]:send(http.request "/static/big.bin")
      repeat -- or the gateway was only slow
        accepted = held[#held]:more(posix.now() + 300 * wait.slack)
        refused = not accepted and kept:ask "/static/a.txt"
      until accepted or refused.status ~= 200
    until not accepted or #held == 60
    assert.is_true(#held < 60)
    problem.check(refused, 503, { pass = "busy" })
    for _, c in ipairs(held) do
      c:close()
    end
    assert.is_true(wait.till(function() return g:fds() <= fds end, 5000))
    assert.equal("0123456789", kept:ask("/static/a.txt").body)
  end)

  it("leaves in the middle has the file closed", function()
    start()
    local fds = settled()
    for i = 1, 30 do
      local c = begin("/static/big.bin", { receive_room = 200000 })
      drop(c, i * 1000)
      if i % 2 == 0 then
        c:reset()
      else
        c:close()
      end
    end
    assert.is_true(wait.till(function() return g:fds() <= fds end, 5000))
    assert.equal("0123456789", g:get("/static/a.txt").body)
  end)

  it("gets no further is cut off after the route's idle time", function()
    start()
    local fds = settled()
    local c = begin("/idle/big.bin", { receive_room = 4096 })
    assert(wait.till(function() return g:log():find("got no further", 1, true) end, 5000))
    c:close()
    assert.is_true(wait.till(function() return g:fds() <= fds end, 5000))
  end)

  it("is there while the file shrinks is cut off, and never told that it has all", function()
    start()
    local c, length = begin("/static/big.bin", { receive_room = 200000 })
    assert.equal(#big, length)
    local file = io.open(g.dir .. "/pages/big.bin", "wb")
    file:write(big:sub(1, 1000))
    file:close()
    local had = drop(c, length)
    assert.is_true(had < length)
    assert.equal("reset", c.over)
    c:close()
    assert(wait.till(function() return g:log():find("the answer was cut: big.bin: became shorter", 1, true) end))
  end)

  it("is there while the file grows or is replaced gets what was announced", function()
    start()
    local first, length = begin("/static/big.bin", { receive_room = 200000 })
    local file = io.open(g.dir .. "/pages/big.bin", "ab")
    file:write(big)
    file:close()
    local second = begin("/static/big.bin", { receive_room = 200000 })
    os.rename(g.dir .. "/pages/a.txt", g.dir .. "/pages/big.bin")
    assert.equal(length, drop(first, length))
    assert.equal(2 * length, drop(second, 2 * length))
    for _, c in ipairs { first, second } do
      assert.equal("0123456789", c:ask("/static/big.bin").body) -- and not a byte more
      c:close()
    end
  end)
end)

-- A file of 1 GiB without a block on the disk; a part of it under sanitizers, which are slow and
-- whose memory says nothing.
local SIZE = places.sanitize == "" and 1024 or 64

describe(("a file of %d MiB and a slow reader"):format(SIZE), function()
  after_each(gateway.clean)

  it("moves the gateway's memory by less than 4 MiB", function()
    start { write_idle = "1m" }
    local file = assert(io.open(g.dir .. "/pages/huge.iso", "wb"))
    file:seek("set", SIZE * 1024 * 1024 - 1)
    file:write "\0"
    file:close()
    for _ = 1, 5 do -- what the gateway needs for any passed file
      assert.equal(#big, #g:get("/static/big.bin").body)
    end
    local before, most = g:rss(), 0
    local c, length = begin("/static/huge.iso", { receive_room = 200000 })
    assert.equal(SIZE * 1024 * 1024, length)
    for step = 1, 16 do
      if step <= 8 then
        wait.sleep(20) -- it reads nothing: all that can pile up does
      end
      length = length - drop(c, step == 16 and length or SIZE / 16 * 1024 * 1024)
      most = math.max(most, g:rss())
    end
    assert.equal(0, length)
    assert.equal("0123456789", c:ask("/static/a.txt").body)
    c:close()
    if places.sanitize == "" then
      assert.is_true(most - before < 4096, ("%d KiB more than %d"):format(most - before, before))
    end
  end)
end)

describe("what can be passed", function()
  after_each(gateway.clean)

  it("is a file by read alone", function()
    local code, text = gateway.check {
      ["gateway.lua"] = { files = { pages = "./pages" }, databases = { shop = "sqlite:shop.db" } },
      ["a.lua"] = [[local gate = require "moongate"
local pages, shop = gate.files "pages", gate.database "shop"
gate.get("/a", { pass = pages:json "a.json" })
gate.get("/b", { pass = shop:one "select 1" })
gate.get("/c", { pass = pages:read("c", { optional = true }) })]], ["pages/x"] = "",
    }
    assert.equal(1, code)
    for _, line in ipairs { "a.lua:3: pass: a file is passed by read", "a.lua:4: pass: passes a call of a service, or a file",
                            "a.lua:5: pass: optional: the answer is the reply" } do
      assert.truthy(text:find(line, 1, true), line .. "\n" .. text)
    end
  end)

  it("is shown by `moongate routes`", function()
    local folder = gateway.folder { ["gateway.lua"] = { files = { pages = "./pages" } }, ["a.lua"] = ROUTES, ["pages/x"] = "" }
    local _, out = gateway.run("routes", folder)
    assert.truthy(out:find("pass +pages read {rest}"), out)
  end)
end)
