package.path = package.path .. ";" .. (require "support.places").checkout .. "/tests/unit/backend/?.lua"
local world = require "http_world"
local wait = require "support.wait"
local slow = wait.slack -- margins of time are wider under sanitizers
local C = world.C
local fake, service, ask, answer, url = world.fake, world.service, world.ask, world.answer, world.url

local OK = answer("200 OK", "hello")
local LATE = { OK, delay = 60000 }

-- Runs the loop until `check` says so, two seconds or more at most.
local function run_till(users, check)
  for _ = 1, 1000 * slow do
    if check() then
      return true
    end
    C.probe_run(users.probe, 1000000, 2)
  end
  return check()
end

local function run_till_requests(users, backend, count)
  return run_till(users, function() return C.fake_requests(backend) >= count end)
end

local describe = world.over_both(describe, before_each)

describe("at_once of a service", function()
  after_each(world.close)

  it("bounds what a backend is asked at a time; the others wait their turn", function()
    local backend = fake { LATE, LATE, LATE, LATE, { OK, delay = 20 } }
    local users, calls = service(url(backend), { at_once = 4, patience_ms = 5000 }), {}
    for i = 1, 40 do
      calls[i] = world.start(users, {})
    end
    assert.is_true(run_till_requests(users, backend, 4))
    C.fake_hurry(backend)
    world.land(users)
    for _, call in ipairs(calls) do
      assert.equal("ok", world.result(call).error)
    end
    assert.equal(4, C.fake_most_at_once(backend))
    assert.equal(4, C.fake_connections(backend))
  end)

  it("counts for all workers together", function()
    local backend = fake { { OK, delay = 10 } }
    local users = service(url(backend), { at_once = 3, patience_ms = 20000 })
    assert.equal(60, C.probe_two_workers(users.probe, 30))
    assert.equal(3, C.fake_most_at_once(backend))
    assert.equal(60, C.fake_requests(backend))
  end)

  it("keeps the order in which calls came", function()
    local backend = fake { { OK, delay = 5 } }
    local users = service(url(backend), { at_once = 1 })
    local expected = {}
    for i = 1, 5 do
      world.start(users, { path = "/" .. i })
      expected[i] = "/" .. i
    end
    world.land(users)
    local seen = {}
    for path in world.received(backend):gmatch "GET (%S+)" do
      seen[#seen + 1] = path
    end
    assert.same(expected, seen)
  end)
end)

describe("a call that cannot be made now", function()
  after_each(world.close)

  it("is `busy` at once when the queue is full", function()
    wait.below(500, function()
      local users = service(url(fake { LATE }), { at_once = 1, waiting = 2 })
      local calls = {}
      for i = 1, 4 do
        calls[i] = world.start(users, {})
      end
      assert.is_nil(world.result(calls[4])) -- not inside the start
      assert.is_true(C.probe_run(users.probe, 1, 5000))
      local got = world.result(calls[4])
      assert.same({ "busy", "too many calls are waiting" }, { got.error, got.message })
      assert.is_nil(world.result(calls[3]))
      return got.ms
    end)
  end)

  it("is `busy` at once when its turn would come too late", function()
    local backend = fake { { OK, delay = 60 }, LATE, OK }
    local users = service(url(backend), { at_once = 1 })
    world.ask(users) -- how long a call takes is known from now on: 60 ms, on a busy machine more
    local mean = C.probe_mean_us(users.probe)
    assert.is_true(mean >= 59000)
    local calls = {}
    for i = 1, 5 do -- one is under way, two may wait, the third of those would wait 120 ms
      calls[i] = world.start(users, {})
    end
    assert.is_true(C.probe_run(users.probe, mean > 100000 and 4 or 3, 5000)) -- those that were refused
    local errors = {}
    for i, call in ipairs(calls) do
      errors[i] = (world.result(call) or { error = "waits" }).error
    end
    assert.same({ "waits", "waits", mean > 100000 and "busy" or "waits", "busy", "busy" }, errors)
    assert.is_true(run_till_requests(users, backend, 2))
    C.fake_hurry(backend)
    world.land(users)
    for i = 1, mean > 100000 and 2 or 3 do
      assert.equal("ok", world.result(calls[i]).error)
    end
  end)

  it("is `busy` at once when its own time would be over", function()
    wait.in_time(function()
      local backend = fake { { OK, delay = 150 }, LATE, OK }
      local users = service(url(backend), { at_once = 1, patience_ms = 60000 })
      world.ask(users)
      world.start(users, {})
      world.start(users, {})
      local late = world.start(users, { within = 140 })
      assert.is_true(C.probe_run(users.probe, 2, 1000))
      local got = world.result(late) -- it is the first to land, and not since its time was over
      assert.same({ "busy", true }, { got.error, got.ms < 140 })
      assert.is_true(run_till_requests(users, backend, 2))
      C.fake_hurry(backend)
      world.land(users)
    end)
  end)

  it("is `timeout` when its turn does not come in time, and leaves its place in the queue", function()
    local users = service(url(fake { LATE }), { at_once = 1, waiting = 1 })
    world.start(users, {})
    local waiting = world.start(users, { within = 30 })
    assert.is_true(C.probe_run(users.probe, 1, 5000))
    assert.same({ "timeout", "no turn came in time" }, { world.result(waiting).error,
        world.result(waiting).message })
    local next_one = world.start(users, {})
    C.probe_run(users.probe, 2, 20)
    assert.is_nil(world.result(next_one)) -- it waits: there was a place for it
  end)

  it("can be cancelled while it waits, and is never sent", function()
    local backend = fake { { OK, delay = 50 } }
    local users = service(url(backend), { at_once = 1 })
    world.start(users, { path = "/one" })
    local waiting = world.start(users, { path = "/two", method = "POST" })
    world.cancel(waiting)
    assert.is_nil(world.result(waiting)) -- not inside the cancel
    world.land(users)
    assert.equal("cancelled", world.result(waiting).error)
    world.ask(users, { path = "/three" })
    assert.is_nil(world.received(backend):find "/two")
  end)
end)

describe("a call that is cancelled", function()
  after_each(world.close)

  it("lands in a later turn, and its connection is closed", function()
    local backend = fake { LATE }
    local users = service(url(backend))
    local call = world.start(users, {})
    assert.is_true(run_till_requests(users, backend, 1))
    world.cancel(call)
    assert.is_nil(world.result(call))
    assert.is_true(C.probe_run(users.probe, 1, 5000))
    assert.equal("cancelled", world.result(call).error)
    assert.is_true(run_till(users, function() return C.fake_wait_open(backend, 0, 0) end)) -- a few turns more
    assert.equal(1, C.fake_resets(backend)) -- which leaves no TIME_WAIT on our side
  end)

  it("may be cancelled in the turn in which it was started", function()
    local backend = fake { OK }
    local users = service(url(backend))
    local one = world.start(users, { path = "/one" })
    local two = world.start(users, { path = "/two", method = "POST" })
    world.cancel(one)
    world.cancel(two)
    world.land(users)
    assert.same({ "cancelled", "cancelled" }, { world.result(one).error, world.result(two).error })
    assert.equal("ok", ask(users, { path = "/three" }).error)
    local received = world.received(backend)
    for path, least in pairs { ["/one"] = 0, ["/two"] = 0, ["/three"] = 1 } do
      local _, count = received:gsub(path .. " HTTP", "") -- what is cancelled may be on its way
      assert.is_true(count >= least and count <= 1, path .. ": " .. count)
    end
  end)

  it("does no harm when it has landed", function()
    local users = service(url(fake { OK }))
    local got, call = ask(users)
    world.cancel(call)
    C.probe_run(users.probe, 2, 5)
    assert.same(got, world.result(call))
  end)

  it("leaves no descriptor and no thread behind, a thousand times", function()
    local backend = fake { LATE }
    local users = service(url(backend), { at_once = 200 })
    -- The backend has accepted all that came before this one, and left those.
    local function settle(path)
      local call = world.start(users, { path = path })
      assert.is_true(run_till(users, function() return world.received(backend):find(path, 1, true) end))
      world.cancel(call)
      assert.is_true(run_till(users, function() return C.fake_wait_open(backend, 0, 0) end))
    end
    C.probe_crowd_leaves(users.probe, 100, 30)
    settle "/before"
    local files, threads = C.probe_entries "/proc/self/fd", C.probe_entries "/proc/self/task"
    for _ = 1, 10 do
      assert.equal(100, C.probe_crowd_leaves(users.probe, 100, 20))
      assert.is_true(run_till(users, function() return C.fake_wait_open(backend, 0, 0) end))
    end
    settle "/after"
    assert.same({ files, threads }, { C.probe_entries "/proc/self/fd", C.probe_entries "/proc/self/task" })
  end)
end)

describe("an unsafe call", function()
  after_each(world.close)

  it("is not cut once it was sent: it lands as cancelled and goes on unheard, holding its place", function()
    local backend = fake { { OK, delay = 400 } }
    local users = service(url(backend), { at_once = 1 })
    local call = world.start(users, { method = "POST", body = "data" })
    assert.is_true(run_till_requests(users, backend, 1))
    world.cancel(call)
    assert.is_true(C.probe_run(users.probe, 1, 2000))
    assert.equal("cancelled", world.result(call).error)
    assert.is_true(C.fake_wait_open(backend, 1, 0))
    C.mg_arena_fini(call.arena) -- its memory is let go of
    local second = ask(users, { method = "GET" })
    assert.equal("ok", second.error)
    assert.equal(1, C.fake_most_at_once(backend))
    assert.equal(1, C.fake_connections(backend)) -- whole, and kept
  end)

  it("goes on sending its body after its call has landed", function()
    local body = ("0123456789"):rep(400000) -- more than the sockets hold
    local backend = fake { { OK, early = true, delay = 0 } }
    local users = service(url(backend), { unheard_ms = 60000 })
    local call = world.start(users, { method = "POST", body = body, sink = "none" })
    assert.is_true(run_till_requests(users, backend, 1))
    world.cancel(call)
    assert.is_true(C.probe_run(users.probe, 1, 2000))
    C.probe_sink_free(call.sink)
    C.mg_arena_fini(call.arena)
    assert.is_true(run_till(users, function() return C.fake_recorded(backend) > #body end))
  end)

  it("is not cut at its deadline either", function()
    wait.in_time(function() -- it has to be sent before its deadline
      local backend = fake { LATE }
      local users = service(url(backend))
      assert.equal("timeout", ask(users, { method = "DELETE", within = 300 }).error)
      assert.is_true(C.fake_wait_open(backend, 1, 0))
      C.fake_hurry(backend)
      C.probe_run(users.probe, 2, 500)
      assert.is_true(C.fake_wait_open(backend, 1, 0)) -- its answer came, the connection is kept
    end)
  end)

  it("is cut when it has been unheard for too long", function()
    local backend = fake { LATE }
    local users = service(url(backend), { unheard_ms = 30 })
    local kept
    local tries = 0
    repeat -- a machine that stops us for longer than those 30 ms does not do so each time
      tries = tries + 1
      ask(users, { method = "POST", body = "x", within = 300 })
      kept = C.fake_wait_open(backend, 1, 0)
      assert.is_true(run_till(users, function() return C.fake_wait_open(backend, 0, 0) end))
    until kept or tries == 5
    assert.is_true(kept)
  end)

  it("is cut like any other while nothing of it was sent", function()
    local backend = fake { OK }
    local users = service(url(backend, "users.test"), { names = { ["users.test"] = "hang" } })
    local call = world.start(users, { method = "POST", body = "x" })
    C.probe_run(users.probe, 1, 20)
    world.cancel(call)
    world.land(users)
    assert.equal("cancelled", world.result(call).error)
    assert.equal(0, C.fake_connections(backend))
  end)

  it("is `reset` as soon as a kept connection is, also in the middle of its body", function()
    for _ = 1, 10 do -- what the peer has done by then differs
      local users = service(url(fake { OK, { "", after = "close", early = true } }), { connect_ms = 10000 })
      ask(users)
      local got = ask(users, { method = "PATCH", body = ("x"):rep(300000) })
      assert.equal("reset", got.error)
      assert.is_true(got.ms < 5000, got.ms) -- not when some time is over
      world.close()
    end
  end)

  it("is never sent twice, whatever becomes of a kept connection", function()
    for _, step in ipairs {
      { "", after = "close" }, { "", after = "reset" }, { "", after = "close", early = true },
      { "", after = "reset", early = true },
    } do
      for _, call in ipairs {
        { method = "POST", body = "data" }, { method = "POST" }, { method = "DELETE" },
        { method = "PATCH", body = ("x"):rep(300000) }, { method = "PUT", body = "" },
      } do
        local backend = fake { OK, step }
        local users = service(url(backend))
        ask(users)
        local got = ask(users, call)
        assert.equal("reset", got.error)
        local text = world.received(backend)
        local _, times = text:gsub(call.method .. " / HTTP", "")
        assert.equal(1, times)
        world.close()
      end
    end
  end)
end)

describe("a connection", function()
  after_each(world.close)

  it("that does not stand in time is `timeout`, and nothing was sent", function()
    local users = service("http://127.0.0.1:" .. world.mute "127.0.0.1", { connect_ms = 200 })
    for _, method in ipairs { "GET", "POST" } do
      wait.below(400, function()
        local got = ask(users, { method = method })
        assert.same({ "timeout", "no connection in time" }, { got.error, got.message })
        assert.is_true(got.ms >= 199, got.ms)
        return got.ms
      end)
    end
  end)

  it("is made to the next address when one of the name is mute", function()
    wait.below(1500, function()
      local backend = fake { OK }
      world.mute("127.0.0.2", C.fake_port(backend))
      local users = service(url(backend, "users.test"),
        { names = { ["users.test"] = "127.0.0.2,127.0.0.1" }, connect_ms = 2000 })
      local got = ask(users)
      assert.same({ "ok", "hello" }, { got.error, got.body })
      return got.ms
    end)
  end)

  it("is `refused` when no address of the name takes it", function()
    local got = ask(service(world.gone "users.test", { names = { ["users.test"] = "::1,127.0.0.1" } }))
    assert.same({ "refused", "connection refused" }, { got.error, got.message })
  end)

  it("that has brought more than its answer is not used again", function()
    for _, extra in ipairs { "extra", OK } do
      local backend = fake { OK .. extra, OK }
      local users = service(url(backend))
      assert.same({ "hello", "hello" }, { ask(users).body, ask(users).body })
      assert.equal(2, C.fake_connections(backend))
    end
  end)

  it("that is to be closed after its answer is not used again", function()
    local backend = fake { answer("200 OK", "hello", { "Connection: close" }) }
    local users = service(url(backend))
    assert.same({ "hello", "hello" }, { ask(users).body, ask(users).body })
    assert.equal(2, C.fake_connections(backend))
  end)
end)

describe("a safe call", function()
  after_each(world.close)

  it("is sent again when a kept connection turns out dead", function()
    for _, after in ipairs { "close", "reset" } do
      local backend = fake { OK, { "", after = after }, OK }
      local users = service(url(backend))
      assert.equal("ok", ask(users).error)
      assert.equal("ok", ask(users).error)
      assert.equal(2, C.fake_connections(backend))
      assert.equal(3, C.fake_requests(backend))
    end
  end)

  it("is not sent again when the answer had begun", function()
    local backend = fake { OK, { "HTTP/1.1 200 OK\r\n", after = "close" }, OK }
    local users = service(url(backend))
    ask(users)
    assert.equal("reset", ask(users).error)
    assert.equal(2, C.fake_requests(backend))
  end)
end)

describe("a streamed call", function()
  after_each(world.close)

  it("hands head and data to its sink, and reads on only when resumed", function()
    local body = ("0123456789abcdef"):rep(65536) -- 1 MiB
    local users = service(url(fake { answer("206 Partial", body) }))
    local call = world.start(users, { sink = "some", body_most = 1 })
    local seen = 0
    for _ = 1, 1000 do
      run_till(users, function() return call.sink.pauses > seen or world.result(call) end)
      if world.result(call) then break end
      assert.equal(seen + 1, call.sink.pauses)
      C.probe_run(users.probe, 1, 2)
      assert.equal(seen + 1, call.sink.pauses)
      seen = seen + 1
      C.probe_sink_resume(users.probe, call.c)
    end
    local got = world.result(call)
    assert.same({ "ok", 206, "" }, { got.error, got.status, got.body })
    assert.equal(206, call.sink.status)
    assert.is_true(call.sink.pauses > 10)
    assert.is_true(require("support.core").text(call.sink.bytes) == body)
    C.probe_sink_free(call.sink)
  end)

  it("pauses between chunks that came together, too", function()
    local chunks = {}
    for i = 1, 200 do
      chunks[i] = ("3\r\n%03d\r\n"):format(i)
    end
    local head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    local users = service(url(fake { head .. table.concat(chunks) .. "0\r\n\r\n", OK }))
    local call = world.start(users, { sink = "some" })
    for _ = 1, 10000 do
      if C.probe_run(users.probe, 1, 1) then break end
      C.probe_sink_resume(users.probe, call.c)
    end
    assert.equal("ok", world.result(call).error)
    local bytes = require("support.core").text(call.sink.bytes)
    assert.same({ 600, "001", "200" }, { #bytes, bytes:sub(1, 3), bytes:sub(-3) })
    C.probe_sink_free(call.sink)
    assert.equal("hello", ask(users).body)
  end)

  it("can be cancelled by its sink, while it is handed the head or data", function()
    for _, sink in ipairs { "until head", "until data" } do
      for _, method in ipairs { "GET", "POST" } do
        local backend = fake { OK }
        local users = service(url(backend))
        local got, call = ask(users, { sink = sink, method = method })
        assert.same({ "cancelled", 200 }, { got.error, call.sink.status })
        assert.equal("ok", ask(users).error)
        C.probe_sink_free(call.sink)
      end
    end
  end)

  it("lands with the failure when the answer breaks off", function()
    local users = service(url(fake { { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        after = "close" } }))
    local got, call = ask(users, { sink = "all" })
    assert.same({ "reset", 200 }, { got.error, got.status })
    assert.equal("half", require("support.core").text(call.sink.bytes))
    C.probe_sink_free(call.sink)
  end)

  it("can be cancelled while it is paused", function()
    local backend = fake { answer("200 OK", ("x"):rep(1024 * 1024)) }
    local users = service(url(backend))
    local call = world.start(users, { sink = "some" })
    assert.is_true(run_till(users, function() return call.sink.pauses == 1 end))
    world.cancel(call)
    world.land(users)
    assert.equal("cancelled", world.result(call).error)
    assert.is_true(run_till(users, function() return C.fake_wait_open(backend, 0, 0) end))
    C.probe_sink_free(call.sink)
  end)
end)

describe("closing a service", function()
  after_each(world.close)

  it("lands what is under way and what waits", function()
    local users = service(url(fake { LATE }), { at_once = 1, unheard_ms = 60000 })
    local calls = { world.start(users, { method = "POST" }), world.start(users, {}), world.start(users,
        {}) }
    C.probe_run(users.probe, 1, 30)
    world.close()
    for _, call in ipairs(calls) do
      assert.equal("cancelled", world.result(call).error)
    end
  end)
end)
