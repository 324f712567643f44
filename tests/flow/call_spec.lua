-- `moongate call`: one request through all of the gateway, without a server; its reply, and its calls on
-- a time axis.
local dkjson = require "dkjson"
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local places = require "support.places"
local posix = require "support.posix"
local process = require "support.process"
local redis = require "support.redis"

local routes = [[
local gate = require "moongate"
local users, gone, shop = gate.service "users", gate.service "gone", gate.database "shop"
local pages, cache = gate.files "pages", gate.redis "cache"

gate.get("/chain/{id}", {
  calls = {
    first = gate.value({ id = 7 }, { delay = "40ms" }),
    beside = gate.value(1, { delay = "20ms" }),
    second = users:get "/id/{first.body.id}",
  },
  reply = { id = "{second.body.id}", asked = "{id}" },
})
gate.get("/kinds", { calls = {
  page = pages:read "a.txt", row = shop:one "select 40 + 2 as n", user = users:get "/id/ada",
  stored = cache:set("k", "v"), all = gate.each("{list.body[]}", users:get "/id/{each}"),
  list = gate.value { "x", "y" },
} })
gate.get("/function", function()
  print "seen from the route"
  local got = gate.all { a = users:get "/id/a", b = users:get("/status/500", { optional = true }) }
  return gate.reply { status = 203, headers = { ["X-A"] = { "1", "2" } }, text = got.a.body.id }
end)
gate.get("/silent", { within = "800ms", calls = { hung = users:get "/hang",
  never = users:get "/id/{hung.body.id}", gone = gone:get("/x", { optional = true }) } })
gate.post("/echo", function(req)
  return { headers = req.headers, text = req.text, form = req.form, ip = req.ip, host = req.host }
end)
gate.post("/json", function(req) return { n = req.body.n } end)
gate.route("*", "/pass/{rest...}", { pass = users:request("/{rest}", { forward = { query = "*" } }) })
gate.get("/after", function()
  gate.finally(function() users:get("/delay/30/id/late"):wait() print "undone" end)
  return "done"
end)
gate.get("/bytes", function() return gate.reply { body = "a\0b" } end)
gate.get("/bug", function() return nil + 1 end)
gate.delete("/thing/{id}", function() return gate.reply { status = 204 } end)
]]

describe("moongate call", function()
  local dir, backend, holder

  setup(function()
    local port
    backend = faultd.start()
    holder, port = posix.listen(nil)
    dir = gateway.folder {
      ["gateway.lua"] = {
        listen = "127.0.0.1:" .. port, -- somebody else has it
        services = { users = backend.url, gone = "http://127.0.0.1:" .. faultd.closed_port() },
        databases = { shop = "sqlite:shop.db" }, files = { pages = "pages" },
        redis = { cache = redis.start().url },
      },
      ["routes.lua"] = routes, ["pages/a.txt"] = "text", ["shop.db"] = "",
    }
  end)

  teardown(function()
    gateway.clean()
    faultd.clean()
    redis.clean()
    posix.close(holder)
  end)

  local function call(...)
    return gateway.run("call", dir, ...)
  end

  local function json(...)
    local code, out, err = call("--json", ...)
    return assert(dkjson.decode(out), out), code, err
  end

  -- The calls of a JSON answer by their names.
  local function named(answer)
    local calls = {}
    for _, one in ipairs(answer.calls) do
      calls[one.name] = one
    end
    return calls
  end

  it("prints the reply as it came, and its calls as bars in their order", function()
    local code, out, err = call("GET", "/chain/5")
    assert.equal(0, code, err)
    local head, body = out:match "^(.-\n)\n(.*)$"
    assert.is_truthy(head:find "^HTTP/1.1 200 OK\n")
    assert.is_truthy(head:find "\nContent%-Type: application/json\n")
    assert.is_truthy(head:find "\nX%-Request%-Id: %S+\n")
    assert.equal('{"asked":"5","id":"7"}', body)
    assert.is_truthy(err:find "^GET /chain/5: 200 in %d+ ms %(routes.lua:5%)\n", err)
    local bars = {}
    for name, kind, bar, ms, rest in err:gmatch "\n(%l+) +(%l+) +|( *=+ *)| +(%d+) ms ([^\n]*)" do
      bars[name] = { kind = kind, from = bar:find "=", to = #bar - #bar:match " *$", ms = tonumber(ms),
        rest = rest, width = #bar }
    end
    assert.same({ "value", "value", "http" }, { bars.first.kind, bars.beside.kind, bars.second.kind })
    assert.same({ "ok", "200, after first" }, { bars.first.rest, bars.second.rest })
    assert.is_true(bars.first.ms >= 40 and bars.beside.ms >= 20)
    assert.equal(1, bars.first.from)
    assert.is_true(bars.second.from >= bars.first.to and bars.second.to <= bars.second.width)
    assert.is_true(bars.beside.to <= bars.first.to)
    assert.equal(bars.first.width, bars.second.width)
  end)

  it("says all of it as one JSON object", function()
    local answer, code, err = json("GET", "/chain/5?x=1")
    assert.same({ 0, "" }, { code, err })
    assert.same({ "GET", "/chain/5?x=1", 200, "routes.lua:5" },
      { answer.method, answer.path, answer.status, answer.route })
    assert.same({ id = "7", asked = "5" }, answer.body)
    assert.equal("application/json", answer.headers["content-type"])
    local calls = named(answer)
    assert.same({ "first" }, calls.second.waits_for)
    assert.same({ "users", "http", "GET /id/7", "ok", 200, false }, { calls.second.backend, calls.second.kind,
      calls.second.asks, calls.second.outcome, calls.second.status, calls.second.each })
    assert.is_true(calls.second.start >= calls.first["end"])
    assert.is_true(calls.second["end"] >= calls.second.start and answer.ms >= calls.first["end"])
    assert.is_true(calls.beside.start < calls.first["end"])
  end)

  it("goes to every kind of backend", function()
    local answer = json("GET", "/kinds")
    assert.same({ page = "text", row = { n = 42 }, user = { id = "ada" }, stored = "OK",
      all = { { id = "x" }, { id = "y" } }, list = { "x", "y" } }, answer.body)
    local kinds = {}
    for name, one in pairs(named(answer)) do
      kinds[name] = { one.kind, one.outcome, one.each }
    end
    assert.same({ page = { "file", "ok", false }, row = { "sql", "ok", false }, user = { "http", "ok", false },
      stored = { "redis", "ok", false }, all = { "http", "ok", true }, list = { "value", "ok", false } }, kinds)
  end)

  it("shows the calls of functions, what they print, and repeated headers", function()
    local answer, code, err = json("GET", "/function")
    assert.equal(0, code)
    assert.same({ 203, "a", { "1", "2" } }, { answer.status, answer.body, answer.headers["x-a"] })
    local calls = named(answer)
    assert.same({ "ok", "status", 500 }, { calls.a.outcome, calls.b.outcome, calls.b.status })
    assert.is_truthy(err:find("seen from the route", 1, true))
  end)

  it("ends with what the route allows it, and shows what hung", function()
    local code, out, err = call("GET", "/silent")
    assert.equal(1, code)
    assert.is_truthy(out:find "^HTTP/1.1 504 Gateway Timeout\n")
    assert.is_truthy(err:find "\nhung +http +| *=+ *| +%d+ ms timeout", err)
    assert.is_truthy(err:find "\nnever +http +| +| +not started, after hung\n", err)
    assert.is_truthy(err:find "\ngone +http +| *=+ *| +%d+ ms refused: ", err)
  end)

  it("waits for what a route does after its reply, and shows that, too", function()
    local answer, code, err = json("GET", "/after")
    assert.same({ 0, 200, "done" }, { code, answer.status, answer.body })
    assert.is_truthy(err:find("undone", 1, true), err)
    assert.same({ "GET /delay/30/id/late", "ok" }, { answer.calls[1].asks, answer.calls[1].outcome })
    assert.is_true(answer.calls[1]["end"] >= 30)
  end)

  it("streams what a route passes on", function()
    local code, out = call("GET", "/pass/ok?body=streamed&type=text/plain&status=404")
    assert.equal(0, code)
    assert.is_truthy(out:find "^HTTP/1.1 404 Not Found\n.*\n\nstreamed$")
    local long = ("x"):rep(300000)
    local path = gateway.folder { body = long } .. "/body"
    local answer = json("POST", "/pass/echo", "-d", "@" .. path, "-H", "Content-Type: text/plain")
    assert.equal(long, answer.body.body)
    assert.equal("POST", answer.body.method)
    assert.equal(1, #answer.calls)
  end)

  it("says of an answer that was cut that it was", function()
    local code, out, err = call("GET", "/pass/die/length/2000")
    assert.equal(1, code)
    assert.is_truthy(out:find "\n\ny+$")
    assert.is_truthy(err:find ": 200 in %d+ ms %(routes.lua:%d+%), and not whole: ", err)
    local answer, also = json("GET", "/pass/die/chunked/2000")
    assert.equal(1, also)
    assert.is_string(answer.cut)
  end)

  it("sends headers and bodies as curl users write them", function()
    local function echoed(...)
      local answer, code, err = json("POST", "/echo", ...)
      assert.equal(200, answer.status, err .. code)
      return answer.body
    end
    local got = echoed("-H", "X-A: one", "-HX-B:two", "--header", "X-A: more", "-d", "a=1", "--data=b=2")
    assert.same({ "one, more", "two", "a=1&b=2" }, { got.headers["x-a"], got.headers["x-b"], got.text })
    assert.same({ a = "1", b = "2" }, got.form)
    assert.equal("application/x-www-form-urlencoded", got.headers["content-type"])
    assert.same({ "127.0.0.1", "localhost" }, { got.ip, got.host })
    assert.equal("api.example.com", echoed("-H", "host: api.example.com", "-d", "x").host)
    assert.equal("application/json", echoed("-d", ' {"n": 1} ').headers["content-type"])
    assert.equal("text/x", echoed("-d", "{}", "-H", "content-type: text/x").headers["content-type"])
    assert.equal(200, json("POST", "/json", "-d", '{"n":1}').status)
  end)

  it("takes a body from a file, or from its standard input", function()
    local path = gateway.folder { ["body"] = "line\nline\r\n" } .. "/body"
    assert.equal("line\nline\r\n", json("POST", "/echo", "-d", "@" .. path).body.text)
    local _, out = process.run { "/bin/sh", "-c", [[printf 'from a pipe' | "$0" call "$1" POST /echo -d @- --json]],
      places.build .. "/moongate", dir }
    assert.equal("from a pipe", dkjson.decode(out).body.text)
    local code, _, err = call("POST", "/echo", "-d", "@" .. path .. "x")
    assert.same({ 2, "moongate: -d @" .. path .. "x: No such file or directory" }, { code, err:match "^[^\n]*" })
  end)

  it("prints bytes as they are, and nothing where there is no body", function()
    local _, out = call("GET", "/bytes")
    assert.equal("a\0b", out:match "\n\n(.*)$")
    local code, head = call("HEAD", "/bytes")
    assert.equal(0, code)
    assert.is_truthy(head:find "^HTTP/1.1 200 OK\n.*Content%-Length: 3\n.*\n$")
    assert.is_truthy(head:find "[^\n]\n\n$")
    local _, deleted = call("DELETE", "/thing/1")
    assert.is_truthy(deleted:find "^HTTP/1.1 204 No Content\n.*\n\n$")
  end)

  it("ends with 0 when there was an answer, with 1 when it is the gateway's failure", function()
    assert.equal(0, (call("GET", "/nowhere")))
    assert.equal(0, (call("PUT", "/json")))
    local code, out, err = call("GET", "/bug")
    assert.equal(1, code)
    assert.is_truthy(out:find "^HTTP/1.1 500 ")
    assert.is_truthy(err:find("routes.lua:35: attempt to perform arithmetic", 1, true), err)
  end)

  it("ends without what computes for ever, with all that was printed", function()
    local endless = gateway.folder { ["gateway.lua"] = {}, ["lib/spin.lua"] = "return { spin = function() while true do end end }",
      ["routes.lua"] = [[local gate = require "moongate"
        gate.get("/", { within = "100ms", calls = { it = gate.compute("lib.spin", "spin") } })]] }
    local code, out, err = gateway.run("call", endless, "GET", "/", "--json")
    assert.equal(1, code, err)
    assert.equal(504, dkjson.decode(out).status)
  end)

  it("says of a gateway that does not load where it is wrong", function()
    local broken = gateway.folder { ["a.lua"] = 'require("moongate").gte("/x", {})' }
    local code, out, err = gateway.run("call", broken, "GET", "/x")
    assert.same({ 1, "" }, { code, out })
    assert.is_truthy(err:find("a.lua:1: there is no gate.gte: did you mean gate.get?", 1, true), err)
    code, out = gateway.run("call", broken, "GET", "/x", "--json")
    assert.same({ 1, "a.lua" }, { code, dkjson.decode(out)[1].file })
    local none, _, why = gateway.run("call", broken .. "/none", "GET", "/x")
    assert.equal(1, none)
    assert.equal(broken .. "/none: there is no such folder\n", why)
  end)

  it("fits its bars to a terminal, and colours them there alone", function()
    local function shown(before)
      local command = ("stty cols 72; %s %s/moongate call %s GET /silent"):format(before, places.build, dir)
      local _, out = process.run({ "/usr/bin/script", "-qec", command, "/dev/null" },
        { env = { TERM = "xterm", LC_ALL = "C.UTF-8", NO_COLOR = "" } })
      return out
    end
    local out = shown ""
    assert.is_truthy(out:find "hung   http    | *\27%[31m\226\148\129", out)
    assert.is_truthy(out:find "| *\27%[33m\226\148\129", "what may fail is no error")
    for line in out:gmatch "\n(%l+ +http [^\r\n]*)" do
      local plain = line:gsub("\27%[%d*m", ""):gsub("[\128-\191]", "")
      assert.is_true(#plain <= 72, line)
    end
    assert.is_nil(shown("NO_COLOR=1"):find("\27", 1, true))
    assert.is_truthy(shown("LC_ALL=C"):find "| *\27%[31m=+")
    assert.is_nil(select(3, call("GET", "/silent")):find("\27", 1, true))
  end)

  it("says what is wrong with the command line", function()
    for said, arguments in pairs {
      ["which gateway? a folder with a gateway.lua is wanted"] = {},
      ["which method? GET, or another one"] = { dir },
      ["which path? one such as /account/42"] = { dir, "GET" },
      ["which method? write GET /x"] = { dir, "/x" },
      ['no method "get": did you mean "GET"?'] = { dir, "get", "/x" },
      ['no method "PSOT": did you mean "POST"?'] = { dir, "PSOT", "/x" },
      ['a path begins with "/", such as /account/42: not "http://x/"'] = { dir, "GET", "http://x/" },
      ["a path holds no ' ': write %20"] = { dir, "GET", "/a b" },
      ["a path holds no '#': write %23"] = { dir, "GET", "/a#b" },
      ['one request at a time: "/y" is one too many'] = { dir, "GET", "/x", "/y" },
      ['no option "--jsn": did you mean "--json"?'] = { dir, "GET", "/x", "--jsn" },
      ['no option "-X"'] = { dir, "GET", "/x", "-X" },
      ["-d wants a value"] = { dir, "POST", "/x", "-d" },
      ['a header is written "Name: value": not "X-A"'] = { dir, "GET", "/x", "-H", "X-A" },
      ['a header is written "Name: value": not "X A: b"'] = { dir, "GET", "/x", "-H", "X A: b" },
      ["Content-Length: what frames a request is not for -H to say"] = { dir, "GET", "/x", "-HContent-Length: 3" },
      ["a GET has no body: write POST, PUT or PATCH"] = { dir, "GET", "/x", "-d", "a" },
    } do
      local code, out, err = gateway.run("call", unpack(arguments))
      assert.same({ 2, "" }, { code, out }, said)
      assert.equal("moongate: " .. said .. "\nusage: moongate call DIR METHOD PATH [-H ...] [-d ...] [--json]\n", err)
    end
  end)
end)
