-- Every way in which a call can fail, as its route's client, as an optional call's result and as
-- what a running function raises see it: the kinds of error of the contract, on real sockets.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local posix = require "support.posix"
local problem = require "support.problem"
local process = require "support.process"
local wait = require "support.wait"

-- A TLS server that nobody vouches for: its process, and the port.
local function untrusted_server(folder)
  local key, cert = folder .. "/key.pem", folder .. "/cert.pem"
  assert(process.run { "/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
    "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out",
    cert } == 0, "openssl makes no certificate")
  local server = process.start { "/usr/bin/openssl", "s_server", "-accept", "127.0.0.1:0", "-key",
    key, "-cert", cert, "-www" }
  return server, assert(server:expect "ACCEPT 127.0.0.1:(%d+)", "openssl does not serve")
end

-- One failing call each: its kind and the status of a route that requires it. `options` are the
-- call's own; `plan`: it needs placeholders, so that no running function can make it.
local failures = {
  { "timeout", 504, 'fault:get("/hang", %s)', options = { within = "40ms" } },
  { "timeout", 504, 'fault:get("/noend", %s)', options = { within = "40ms" } },
  { "timeout", 504, 'fault:get("/drip/head/20", %s)', options = { within = "40ms" } },
  { "timeout", 504, 'mute:get("/ok", %s)', options = { within = "2s" } },
  { "timeout", 504, 'gate.value(1, %s)', options = { within = "20ms", delay = "5s" } },
  { "timeout", 504, 'shop:query("with recursive n(i) as (select 1 union all select i + 1 from n) '
    .. 'select count(*) as c from n", %s)', options = { within = "40ms" } },
  { "refused", 502, 'closed:get("/ok", %s)' },
  { "reset", 502, 'fault:get("/reset/0", %s)' },
  { "reset", 502, 'fault:get("/reset/30", %s)' },
  { "reset", 502, 'fault:get("/cut/0", %s)' },
  { "reset", 502, 'fault:get("/cut/30", %s)' },
  { "reset", 502, 'fault:get("/length/short", %s)' },
  { "reset", 502, 'fault:get("/chunk/cut", %s)' },
  { "dns", 502, 'nowhere:get("/ok", %s)' },
  { "tls", 502, 'untrusted:get("/ok", %s)' },
  { "malformed", 502, 'fault:get("/garbage/0", %s)' },
  { "malformed", 502, 'fault:get("/garbage/1", %s)' },
  { "malformed", 502, 'fault:get("/garbage/2", %s)' },
  { "malformed", 502, 'fault:get("/garbage/4", %s)' },
  { "malformed", 502, 'fault:get("/raw?bytes=HTTP/1.1%%20200%%20OK%%0D%%0ATransfer-Encoding:chunked'
    .. '%%0D%%0A%%0D%%0Axyz%%0D%%0A", %s)' },
  { "malformed", 502, 'fault:get("/length/dup", %s)' },
  { "malformed", 502, 'fault:get("/length/negative", %s)' },
  { "malformed", 502, 'fault:get("/length/junk", %s)' },
  { "malformed", 502, 'fault:get("/ok?body=%%7B%%22a%%22:", %s)' },
  { "malformed", 502, 'fault:get("/ok?body=%%7B%%7D%%7D&type=application/problem%%2Bjson", %s)' },
  { "malformed", 502, 'pages:json("broken.json", %s)' },
  { "status", 502, 'fault:get("/status/404", %s)' },
  { "status", 502, 'fault:get("/status/500", %s)' },
  { "status", 502, 'fault:get("/status/304", %s)' },
  { "status", 502, 'fault:get("/redirect?to=/ok", %s)' },
  { "status", 502, 'pages:read("nothing.txt", %s)' },
  { "status", 502, 'shop:one("select 1 as one where 0", %s)' },
  { "too_large", 502, 'fault:get("/big/5000", %s)' },
  { "too_large", 502, 'fault:get("/bigchunk/5000", %s)' },
  { "too_large", 502, 'pages:read("large.txt", %s)' },
  { "too_large", 502, 'shop:query("select hex(zeroblob(5000)) as much", %s)' },
  { "busy", 503, 'tight:get("/ok", %s)' },
  { "missing", 502, 'fault:get("/id/{first.body.nothing}", %s)', plan = true },
  { "missing", 502, 'fault:get("/id/{first.body}", %s)', plan = true },
  { "sql", 502, 'shop:query("select secret from nowhere", %s)' },
  { "sql", 502, 'shop:run("insert into wallet values (1, 2, 3)", %s)' },
  { "file", 502, 'pages:read("folder", %s)' },
  { "file", 502, 'pages:read("outside/passwd", %s)' },
}

local function options_text(options, more)
  local parts = { more }
  for name, value in pairs(options or {}) do
    parts[#parts + 1] = ("%s = %q"):format(name, value)
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local head = [[
local gate = require "moongate"
local fault, closed, mute = gate.service "fault", gate.service "closed", gate.service "mute"
local nowhere, untrusted = gate.service "nowhere", gate.service "untrusted"
local tight, shop, pages = gate.service "tight", gate.database "shop", gate.files "pages"
local first = fault:get "/ok"
gate.get("/hold", { calls = { it = tight:get "/hang" }, within = "1h" })
gate.get("/cancelled", function()
  local future = fault:get("/hang"):start()
  future:cancel()
  return { body = future:wait().body }
end)
]]

local function routes()
  local lines = { head }
  for i, failure in ipairs(failures) do
    local call, options = failure[3], failure.options
    local plain = call:format(options_text(options))
    local optional = call:format(options_text(options, "optional = true"))
    local also = failure.plan and "first = first, " or ""
    lines[#lines + 1] = ([[gate.get("/plan/%d", { calls = { %sit = %s } })]])
      :format(i, also, plain)
    lines[#lines + 1] = ([[gate.get("/optional/%d", { calls = { %sit = %s }, reply = function(_, got)
      local it = got.it
      return { kind = it.error.kind, message = it.error.message, ok = it.ok, body = it.body }
    end })]]):format(i, also, optional)
    if not failure.plan then
      lines[#lines + 1] = ([[gate.get("/function/%d", function() return { body = (%s):wait().body } end)]])
        :format(i, plain)
    end
  end
  return table.concat(lines, "\n")
end

describe("a call that fails", function()
  local g, backend, server, holder, folder

  setup(function()
    backend = faultd.start()
    folder = posix.folder()
    local port
    server, port = untrusted_server(folder)
    g = gateway.start({
      ["gateway.lua"] = {
        services = {
          fault = backend.url,
          closed = "http://127.0.0.1:" .. faultd.closed_port(),
          mute = { url = "http://127.0.0.1:" .. faultd.mute_port(), connect = "50ms" },
          nowhere = "http://" .. ("x"):rep(64) .. ".test", -- a name that cannot be asked for
          untrusted = "https://127.0.0.1:" .. port,
          tight = { url = backend.url, at_once = 1, waiting = 0 },
        },
        databases = { shop = "sqlite:shop.db" },
        files = { pages = "pages" },
        limits = { result = "4KiB" },
      },
      ["routes.lua"] = routes(),
      ["pages/broken.json"] = '{"a":1,}',
      ["pages/large.txt"] = ("x"):rep(5000),
      ["pages/folder/x.txt"] = "",
    }, { workers = 1 })
    assert(os.execute(("ln -s /etc '%s/pages/outside'"):format(g.dir)))
    holder = g:connect()
    holder:send "GET /hold HTTP/1.1\r\nHost: gate.test\r\n\r\n"
    backend:record_when(function(record) return record.in_flight == 1 end)
  end)

  teardown(function()
    holder:close()
    gateway.clean()
    server:kill()
    faultd.clean()
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  for i, failure in ipairs(failures) do
    local kind, status = failure[1], failure[2]
    local what = kind .. ": " .. failure[3]:gsub(", %%s", "")

    it("ends the request of a route that requires it, as " .. what, function()
      local reply = g:get("/plan/" .. i)
      problem.check(reply, status, { it = kind })
      assert.is_nil(reply.headers["moongate-partial"])
    end)

    it("is a result when it is optional, as " .. what, function()
      local reply = g:get("/optional/" .. i)
      assert.equal(200, reply.status, reply.body)
      local json = reply:json()
      assert.same({ kind, false, nil }, { json.kind, json.ok, json.body })
      assert.is_true(#json.message > 0)
      assert.equal("it=" .. kind, reply.headers["moongate-partial"])
    end)

    if not failure.plan then
      it("is raised by wait in a running function, as " .. what, function()
        local backend_name = failure[3]:match "^(%w+):" or "value"
        problem.check(g:get("/function/" .. i), status, { [backend_name] = kind })
      end)
    end
  end

  it("as `cancelled` when the function that started it did so", function()
    problem.check(g:get "/cancelled", 502, { fault = "cancelled" })
  end)

  it("tells its client nothing internal: no SQL, no path, no address; the log has it", function()
    for i, failure in ipairs(failures) do
      for _, form in ipairs(failure.plan and { "/plan/" } or { "/plan/", "/function/" }) do
        local detail = g:get(form .. i):json().detail
        for _, secret in ipairs { "nothing.txt", "wallet", "secret", "folder", "outside", "json",
          "127.0.0.1", ".lua", "/" } do
          assert.is_nil(detail:find(secret, 1, true), detail)
        end
      end
    end
    for _, said in ipairs { "the call it failed: no such table: nowhere",
      "the call shop failed: no such table: nowhere", "the call it failed: folder: not a" } do
      assert.is_truthy(wait.till(function() return g:log():find(said, 1, true) end), said)
    end
  end)

  it("leaves no descriptor open, however it failed", function()
    local before
    for round = 1, 3 do
      for i, failure in ipairs(failures) do
        if failure[1] ~= "timeout" or failure.options.within == "40ms" then
          g:get("/plan/" .. i)
        end
      end
      before = before or (round == 1 and g:fds())
    end
    assert.is_truthy(wait.till(function() return g:fds() <= before end), g:fds() .. " > " .. before)
  end)
end)
