-- A service that says share = true: equal GETs in flight are made once, above either transport.
package.path = package.path .. ";" .. (require "support.places").checkout .. "/tests/unit/backend/?.lua"
local core = require "support.core"
local ffi = require "ffi"
local world = require "http_world"
local wait = require "support.wait"
local C = world.C
local fake, answer, url = world.fake, world.answer, world.url

ffi.cdef [[
int mg_http_flight_compare(const struct mg_call *one, const struct mg_call *other);
bool mg_http_flight_can(const struct mg_call *call);
]]

local OK = answer("200 OK", '{"n":[1,2,3]}', { "Content-Type: application/json", "X-It: same" })

local function service(backend, options)
  options = options or {}
  options.share = true
  return world.service(url(backend), options)
end

local function start_all(users, count, ask)
  local calls = {}
  for i = 1, count do
    calls[i] = world.start(users, type(ask) == "function" and ask(i) or ask or {})
  end
  return calls
end

-- Runs the loop until `check` says so, two seconds at most.
local function run_till(users, check)
  local deadline = wait.now() + 2000 * wait.slack
  while not check() and wait.now() < deadline do
    C.probe_run(users.probe, 1000000, 2)
  end
  return check()
end

local function errors(calls)
  local list = {}
  for i, call in ipairs(calls) do
    list[i] = world.result(call).error
  end
  return list
end

-- A call that nobody makes, to be compared.
local function call(ask)
  local arena = core.arena()
  local c = ffi.new "struct mg_call"
  local kept = { arena, c }
  local function str(text)
    kept[#kept + 1] = text
    return core.str(text)
  end
  c.http.method = C["MG_" .. (ask.method or "GET")]
  c.http.path = str(ask.path or "/a?b=c")
  c.http.redirects = ask.redirects or 0
  c.http.has_body = ask.has_body or false
  c.http.of_request = ask.of_request or 0
  c.body_most = ask.body_most or 1000
  for _, header in ipairs(ask.headers or {}) do
    assert(C.mg_headers_add(c.http.headers, arena, str(header[1]), str(header[2])))
  end
  return { c = c, kept = kept }
end

describe("two GETs", function()
  local base = { headers = { { "Authorization", "a" }, { "X-Forwarded-For", "1" }, { "X-Request-Id", "2" } },
    of_request = 2 }

  local function order(one, other)
    one, other = call(one), call(other)
    local there, back = C.mg_http_flight_compare(one.c, other.c), C.mg_http_flight_compare(other.c, one.c)
    assert.is_true(there == 0 and back == 0 or there * back < 0, "they have an order")
    return there == 0 and "equal" or "different"
  end

  local function with(changes)
    local ask = {}
    for key, value in pairs(base) do
      ask[key] = value
    end
    for key, value in pairs(changes) do
      ask[key] = value
    end
    return ask
  end

  it("are equal but for what names their requests", function()
    assert.equal("equal", order(base, base))
    assert.equal("equal", order(base, with { headers = {
      { "Authorization", "a" }, { "X-Forwarded-For", "9" }, { "X-Request-Id", "8" } } }))
    assert.equal("equal", order(base, with { headers = { { "Authorization", "a" } }, of_request = 0 }))
  end)

  it("are different in all that is asked", function()
    for name, other in pairs {
      path = with { path = "/a?b=d" }, longer = with { path = "/a?b=c&" }, empty = with { path = "" },
      redirects = with { redirects = 1 }, bound = with { body_most = 1001 },
      value = with { headers = { { "Authorization", "b" } }, of_request = 0 },
      ["empty value"] = with { headers = { { "Authorization", "" } }, of_request = 0 },
      name = with { headers = { { "Authorizatiom", "a" } }, of_request = 0 },
      none = with { headers = {}, of_request = 0 },
      twice = with { headers = { { "Authorization", "a" }, { "Authorization", "a" } }, of_request = 0 },
      ["moved bytes"] = with { headers = { { "Authorizationa", "" } }, of_request = 0 },
      ["the author's own"] = with { of_request = 0 },
    } do
      assert.equal("different", order(base, other), name)
    end
  end)

  it("are shared; other methods, bodies and streams are not", function()
    assert.is_true(C.mg_http_flight_can(call(base).c))
    for _, method in ipairs { "HEAD", "POST", "PUT", "PATCH", "DELETE" } do
      assert.is_false(C.mg_http_flight_can(call(with { method = method }).c), method)
    end
    assert.is_false(C.mg_http_flight_can(call(with { has_body = true }).c))
    local streamed = call(base)
    streamed.c.sink = ffi.cast("struct mg_sink *", 1)
    assert.is_false(C.mg_http_flight_can(streamed.c))
  end)
end)

local describe = world.over_both(describe, before_each)

describe("equal GETs in flight", function()
  after_each(world.close)

  it("are made once, and each gets the whole answer", function()
    local backend = fake { { OK, delay = 30 }, answer("200 OK", "later") }
    local users = service(backend)
    local calls = start_all(users, 50)
    world.land(users)
    assert.equal(1, C.fake_requests(backend))
    for _, one in ipairs(calls) do
      local got = world.result(one)
      assert.same({ "ok", 200, '{"n":[1,2,3]}', true }, { got.error, got.status, got.body, got.json })
      assert.same({ "Content-Length: 13", "Content-Type: application/json", "X-It: same" }, got.headers)
    end
    assert.equal("later", world.ask(users).body) -- what has landed is joined no more
    assert.equal(2, C.fake_requests(backend))
  end)

  it("keep the answer as long as one of them is there", function()
    local users = service(fake { { OK, delay = 10 } })
    local calls = start_all(users, 3)
    world.land(users)
    calls[1], calls[2] = nil, nil
    collectgarbage()
    collectgarbage()
    assert.equal('{"n":[1,2,3]}', world.result(calls[3]).body)
  end)

  it("each have their own ms", function()
    local backend = fake { { OK, delay = 60000 } }
    local users = service(backend)
    local first = world.start(users, {})
    C.probe_run(users.probe, 1000000, 60)
    assert.is_true(run_till(users, function() return C.fake_requests(backend) == 1 end))
    local second = world.start(users, {})
    C.fake_hurry(backend)
    world.land(users)
    assert.equal(1, C.fake_requests(backend))
    assert.is_true(world.result(first).ms >= world.result(second).ms + 50,
      world.result(first).ms .. ", " .. world.result(second).ms)
  end)

  it("are other calls when they ask for something else", function()
    local backend = fake { { OK, delay = 30 } }
    local users = service(backend)
    start_all(users, 20, function(i)
      return { path = "/" .. i % 2, headers = { { "Authorization", tostring(i % 5) } } }
    end)
    world.land(users)
    assert.equal(10, C.fake_requests(backend))
  end)

  it("are not what other methods and bodies are", function()
    local backend = fake { { OK, delay = 10 } }
    local users = service(backend)
    for _, ask in ipairs { { method = "POST", body = "x" }, { method = "POST" }, { method = "DELETE" },
      { body = "x" }, { sink = true } } do
      local before = C.fake_requests(backend)
      local calls = start_all(users, 3, ask)
      world.land(users)
      assert.equal(before + 3, C.fake_requests(backend), ask.method)
      for _, one in ipairs(ask.sink and calls or {}) do
        C.probe_sink_free(one.sink)
      end
    end
  end)

  it("fail together, with the same kind", function()
    local backend = fake { { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", delay = 20, after = "reset" } }
    local users = service(backend)
    local calls = start_all(users, 5)
    world.land(users)
    assert.same({ "reset", "reset", "reset", "reset", "reset" }, errors(calls))
    assert.equal(world.result(calls[1]).message, world.result(calls[5]).message)
    assert.equal(1, C.fake_requests(backend))
    users = service(fake { { OK, delay = 20 } })
    calls = start_all(users, 2, { body_most = 5 })
    world.land(users)
    assert.same({ "too_large", "too_large" }, errors(calls))
  end)

  it("hold one place of the service", function()
    local backend = fake { { OK, delay = 50 } }
    local users = service(backend, { at_once = 1, waiting = 0 })
    local calls = start_all(users, 10)
    local other = world.start(users, { path = "/other" })
    world.land(users)
    for _, one in ipairs(calls) do
      assert.equal("ok", world.result(one).error)
    end
    assert.equal("busy", world.result(other).error)
  end)
end)

describe("one that listens to an equal GET", function()
  after_each(world.close)

  it("may end without ending it for the others, the one that began it too", function()
    local backend = fake { { OK, delay = 60000 } }
    local users = service(backend)
    local calls = start_all(users, 4)
    assert.is_true(run_till(users, function() return C.fake_requests(backend) == 1 end))
    world.cancel(calls[1])
    world.cancel(calls[3])
    assert.is_nil(world.result(calls[1])) -- not inside cancel
    C.fake_hurry(backend)
    world.land(users)
    assert.same({ "cancelled", "ok", "cancelled", "ok" }, errors(calls))
    assert.same({ 1, 0 }, { C.fake_requests(backend), C.fake_resets(backend) })
  end)

  it("ends it when it is the last", function()
    local backend = fake { { OK, delay = 60000 }, OK }
    local users = service(backend)
    local calls = start_all(users, 3)
    assert.is_true(run_till(users, function() return C.fake_requests(backend) == 1 end))
    for _, one in ipairs(calls) do
      world.cancel(one)
    end
    local again = world.start(users, {}) -- joins nothing that ends
    world.land(users)
    assert.same({ "cancelled", "cancelled", "cancelled" }, errors(calls))
    assert.equal("ok", world.result(again).error)
    assert.is_true(run_till(users, function() return C.fake_resets(backend) == 1 end))
    assert.equal(2, C.fake_requests(backend))
  end)

  it("has its own time, and prolongs the call's where it has more", function()
    local backend = fake { { OK, delay = 60000 } }
    local users = service(backend)
    local calls = start_all(users, 3, function(i) return { within = ({ 50, 10000, 120 })[i] } end)
    assert.is_true(run_till(users, function()
      return world.result(calls[1]) and world.result(calls[3]) and C.fake_requests(backend) == 1
    end))
    C.fake_hurry(backend)
    world.land(users)
    assert.same({ "timeout", "ok", "timeout" }, errors(calls))
    assert.is_true(world.result(calls[1]).ms >= 50 and world.result(calls[3]).ms >= 120)
    assert.equal(1, C.fake_requests(backend))
  end)

  it("prolongs one that waits for its turn, or for a name", function()
    local backend = fake { { OK, delay = 300 } }
    local users = service(backend, { at_once = 1, waiting = 9, patience_ms = 5000 })
    local before = world.start(users, { path = "/before" })
    local calls = start_all(users, 2, function(i) return { within = ({ 50, 10000 })[i] } end)
    world.land(users)
    assert.same({ "timeout", "ok" }, errors(calls))
    assert.equal("ok", world.result(before).error)
    users = world.service(url(backend, "users.test"), { share = true, connect_ms = 5000,
      names = { ["users.test"] = "hang" } })
    calls = start_all(users, 2, function(i) return { within = ({ 50, 10000 })[i] } end)
    assert.is_true(run_till(users, function() return world.result(calls[1]) ~= nil end))
    assert.equal("timeout", world.result(calls[1]).error)
    C.probe_name_set(users.probe, "users.test", "127.0.0.1")
    world.land(users)
    assert.equal("ok", world.result(calls[2]).error)
  end)

  it("is timed out at once when it has no time, and that ends nothing", function()
    local backend = fake { { OK, delay = 50 } }
    local users = service(backend)
    local first = world.start(users, {})
    local late = world.start(users, { within = 0 })
    world.land(users)
    assert.same({ "ok", "timeout" }, errors { first, late })
  end)

  it("is cancelled when the service closes", function()
    local users = service(fake { { OK, delay = 60000 } })
    local calls = start_all(users, 3)
    C.probe_run(users.probe, 1000000, 20)
    world.cancel(calls[2])
    world.close()
    assert.same({ "cancelled", "cancelled", "cancelled" }, errors(calls))
  end)
end)
