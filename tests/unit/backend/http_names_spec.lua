package.path = package.path .. ";" .. (require "support.places").checkout .. "/tests/unit/backend/?.lua"
local world = require "http_world"
local wait = require "support.wait"
local slow = wait.slack -- margins of time are wider under sanitizers
local C = world.C
local fake, service, ask, answer, url = world.fake, world.service, world.ask, world.answer, world.url

local OK = answer("200 OK", "hello")

local describe = world.over_both(describe, before_each)

describe("the name of a service", function()
  after_each(world.close)

  it("is looked up once for many calls, and sent as Host", function()
    local backend = fake { OK }
    local users = service(url(backend, "Users.test"), { names = { ["users.test"] = "127.0.0.1" } })
    for _ = 1, 5 do
      assert.equal("ok", ask(users).error)
    end
    assert.equal(1, C.probe_names_looked_up(users.probe))
    assert.equal(1, C.fake_connections(backend))
    assert.is_truthy(world.received(backend):find(("Host: Users.test:%d\r\n"):format(C.fake_port(backend)),
        1, true))
  end)

  it("is tried with its next address when the first does not answer", function()
    local users = service(url(fake { OK }, "users.test"), { names = { ["users.test"] = "::1,127.0.0.1" } })
    assert.equal("hello", ask(users).body)
  end)

  it("fails calls as `dns` when it is not known, until it is", function()
    local users = service(url(fake { OK }, "users.test"), { names = { ["users.test"] = false } })
    local got = ask(users)
    assert.same({ "dns", "its name is not known" }, { got.error, got.message })
    C.probe_name_set(users.probe, "users.test", "127.0.0.1")
    for _ = 1, 100 do
      C.probe_run(users.probe, 1000000, 50)
      got = ask(users)
      if got.error == "ok" then break end
    end
    assert.equal("ok", got.error)
  end)

  it("stays what it was when a later look-up fails, and follows one that does not", function()
    local users = service(url(fake { OK }, "users.test"), { names = { ["users.test"] = "127.0.0.1" },
        refresh_ms = 10 })
    local function wait_for_two_more()
      local had = C.probe_names_looked_up(users.probe)
      for _ = 1, 500 do
        if C.probe_names_looked_up(users.probe) >= had + 2 then return end
        C.probe_run(users.probe, 1000000, 5)
      end
    end
    assert.equal("ok", ask(users).error)
    C.probe_name_set(users.probe, "users.test", nil)
    wait_for_two_more()
    assert.equal("ok", ask(users).error)
  end)

  it("stalls nobody while the name service is mute", function()
    local backend = fake { { OK, delay = 5 } }
    wait.in_time(function()
      wait.below(190, function()
        local users = service({ url(backend), url(backend, "users.test") },
          { names = { ["users.test"] = "hang" }, connect_ms = 200 })
        local calls = {}
        for i = 1, 20 do
          calls[i] = world.start(users, {})
        end
        world.land(users)
        local errors, slowest = { ok = 0, dns = 0 }, 0
        for _, call in ipairs(calls) do
          local got = world.result(call)
          errors[got.error] = errors[got.error] + 1
          assert.is_true(got.ms < 1000 * slow)
          slowest = math.max(slowest, got.error == "ok" and got.ms or 0)
        end
        assert.same({ ok = 10, dns = 10 }, errors)
        return math.max(slowest, C.probe_slowest_turn(users.probe))
      end)
    end)
  end)

  it("is waited for until the deadline of a call at most", function()
    wait.below(900, function()
      local users = service(url(fake { OK }, "users.test"), { names = { ["users.test"] = "hang" }, connect_ms = 1000 })
      local got = ask(users, { within = 30 })
      assert.equal("timeout", got.error)
      return got.ms
    end)
  end)

  it("lets calls go on that waited for it", function()
    local users = service(url(fake { OK }, "users.test"), { names = { ["users.test"] = "hang" } })
    local calls = { world.start(users, {}), world.start(users, {}) }
    assert.is_false(C.probe_run(users.probe, 1, 20))
    C.probe_name_set(users.probe, "users.test", "127.0.0.1")
    world.land(users)
    local function said(call)
      return world.result(call).message .. world.result(call).body
    end
    assert.same({ "hello", "hello" }, { said(calls[1]), said(calls[2]) })
  end)
end)

describe("a redirect", function()
  after_each(world.close)

  local function to(location, status, then_answer)
    return fake { answer((status or 302) .. " Elsewhere", "there", { "Location: " .. location }),
        then_answer or OK }
  end

  it("is not followed unless the call says so", function()
    local backend = to "/b"
    local got = ask(service(url(backend)))
    assert.same({ "ok", 302, "there" }, { got.error, got.status, got.body })
    assert.equal(1, C.fake_requests(backend))
  end)

  it("is followed as often as the call says; then it is the answer", function()
    local backend = fake { answer("302 Elsewhere", "there", { "Location: /again" }) }
    local got = ask(service(url(backend)), { redirects = 3 })
    assert.same({ "ok", 302 }, { got.error, got.status })
    assert.equal(4, C.fake_requests(backend))
  end)

  it("keeps headers on its own origin, and what it was told of the path", function()
    for location, path in pairs {
      ["/b?x=1#frag"] = "/b?x=1", ["c"] = "/api/v1/c", ["../c"] = "/api/c",
      ["?y=2"] = "/api/v1/users?y=2", ["../../../../c/./d/.."] = "/c/",
    } do
      local backend = to(location)
      local got = ask(service(url(backend) .. "/api/"), { path = "/v1/users?z=0", redirects = 1,
        headers = { { "Authorization", "secret" } } })
      assert.same({ "ok", 200, "hello" }, { got.error, got.status, got.body })
      local second = world.received(backend):match "\r\n\r\n(.*)$"
      assert.equal("GET " .. path .. " HTTP/1.1", second:match "^[^\r]*")
      assert.is_truthy(second:find "Authorization: secret")
    end
  end)

  it("makes a POST a GET after 301, 302 and 303, and repeats it after 307 and 308", function()
    for status, again in pairs {
      [301] = "GET", [302] = "GET", [303] = "GET", [307] = "POST", [308] = "POST",
    } do
      local backend = to("/b", status)
      local got = ask(service(url(backend)), { method = "POST", body = "data", redirects = 1,
        headers = { { "Content-Type", "text/plain" } } })
      assert.equal("hello", got.body)
      local second = world.received(backend):match "\r\n\r\ndata(.*)$"
      assert.equal(again .. " /b", second:match "^%S+ %S+")
      assert.equal(again == "POST", second:find "Content%-Type" ~= nil)
      assert.equal(again == "POST", second:find "data" ~= nil)
    end
  end)

  it("leads nowhere but to http and https", function()
    for _, location in ipairs {
      "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://x/", "http://", "http://u@h/", "http:/x",
      "javascript:0", "http://h:0/", "http://h:99999/", "http://127.1/", "http://0x7f000001/",
      "http://2130706433/", "http://[::1/", "http://a b/", "http://h\\@x/",
    } do
      local got = ask(service(url(to(location))), { redirects = 3 })
      assert.equal("malformed", got.error, location)
    end
  end)

  it("does not lead into networks that are not public, by address or by name", function()
    local inner = fake { OK }
    local port = C.fake_port(inner)
    for _, host in ipairs {
      "127.0.0.1:" .. port, "127.8.9.1:" .. port, "[::1]:" .. port, "[::ffff:127.0.0.1]:" .. port,
      "169.254.169.254", "10.0.0.1", "172.31.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0:" .. port,
      "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "inner.test:" .. port,
      "half.test:" .. port,
    } do
      local users = service(url(to("http://" .. host .. "/")),
        { names = { ["inner.test"] = "127.0.0.1", ["half.test"] = "93.184.216.34,127.0.0.1" } })
      local got = ask(users, { redirects = 3 })
      assert.same({ "refused", "a redirect to a network that is not public" }, { got.error, got.message },
          host)
    end
    assert.equal(0, C.fake_connections(inner))
  end)

  it("to a name that nobody knows is `dns`", function()
    assert.equal("dns", ask(service(url(to "http://nobody.test/")), { redirects = 1 }).error)
  end)
end)
