-- PostgreSQL that is slow, goes away and comes back, with a server of the tests' own.
local gateway = require "support.gateway"
local http = require "support.http"
local posix = require "support.posix"
local postgres = require "support.postgres"
local wait = require "support.wait"

local server

-- Long before a query that sleeps for 20 s has ended by itself.
local function gone(pattern)
  return wait.till(function() return server:count(pattern) == 0 end, 10000 / wait.slack)
end

-- That no transaction is open, but one that is being undone right now.
local function none_open()
  local open = "select count(*) from pg_stat_activity where state like 'idle in transaction%'"
  assert.truthy(wait.till(function() return server:sql(open) == "0" end))
end

describe("PostgreSQL that is slow", function()
  setup(function()
    server = postgres.start()
    server:sql "create table account (id int primary key, n int not null check (n >= 0))"
  end)

  before_each(function()
    server:sql "truncate account; insert into account values (1, 100), (2, 0)"
  end)

  after_each(gateway.clean)
  teardown(postgres.clean)

  it("is a 504 at the deadline, and the query ends in the server too", function()
    for workers = 1, 2 do
      local g = server:serve([[
        gate.get("/", { within = "100ms", calls = { x = crm:one "select pg_sleep(20)::text as slept" } })
        gate.get("/pid", { calls = { x = crm:one "select pg_backend_pid() as pid" }, reply = "{x.body.pid}" })]],
        { at_once = 1 }, { workers = workers })
      local c = g:connect()
      wait.in_time(function() -- the query is cancelled within a second, or the connection closed
        local pid = c:ask("/pid").body
        wait.below(1000, function()
          local reply = c:ask "/"
          assert.equal(504, reply.status)
          return reply.ms
        end)
        assert.truthy(gone "select pg_sleep%")
        -- Its connection goes on with the next call.
        assert.equal(pid, c:ask("/pid").body)
      end)
      c:close()
      g:stop()
    end
  end)

  it("is cancelled when its client leaves", function()
    local g = server:serve([[gate.get("/", { calls = { x = crm:one "select pg_sleep(20)::text" } })]], {}, { workers = 2 })
    local conns = {}
    for i = 1, 8 do
      conns[i] = g:connect()
      conns[i]:send(http.request "/")
    end
    assert.truthy(wait.till(function() return server:count "select pg_sleep%" == 8 end, 8000 / wait.slack))
    for i = 1, 8 do
      conns[i]:close()
    end
    assert.truthy(gone "select pg_sleep%")
  end)

  it("never hands a late result to another call, however many are cut", function()
    local rounds = postgres.slow and 40 or 300
    local g = server:serve([[
      gate.get("/{id}", { within = "2s", calls = {
        x = crm:one("select $1::int as id, pg_sleep(random() * 0.02)::text as s", "{id}", { within = "10ms", optional = true }),
        y = crm:one("select $1::int + 1000000 as id", "{id}", { optional = true }),
      }, reply = { "{x.body.id}", "{y.body.id}" } })
      gate.get("/patient/{id}", { calls = {
        x = crm:one("select $1::int as id, pg_sleep(0.001)::text as s", "{id}", { optional = true }),
      }, reply = { "{x.body.id}", gate.null } })]], { at_once = 4 }, { workers = 2 })
    local landed, cut = 0, 0
    wait.at_once(8, function(n)
      local c = g:connect()
      for i = 1, rounds do
        local id = n * 10000 + i
        local reply = c:ask((i % 10 == 0 and "/patient/" or "/") .. id)
        assert.equal(200, reply.status)
        local x, y = reply.body:match "^%[(%w+),(%w+)%]$"
        assert.is_true(x == "null" or tonumber(x) == id, reply.body)
        assert.is_true(y == "null" or tonumber(y) == id + 1000000, reply.body)
        landed, cut = landed + (x ~= "null" and 1 or 0), cut + (x == "null" and 1 or 0)
      end
      c:close()
    end)
    assert.is_true(landed > 0 and cut > 0, landed .. " landed, " .. cut .. " were cut")
    assert.truthy(wait.till(function() return (server:count() or 5) <= 4 end))
    assert.truthy(gone "%pg_sleep(random%")
  end)

  it("leaves no transaction open, and undoes one that is cut", function()
    local g = server:serve([[
      gate.post("/slow", { within = "100ms", calls = { x = crm:atomic {
        crm:run "update account set n = n - 10 where id = 1", crm:run "select pg_sleep(20)" } } })
      gate.get("/sum", { calls = { x = crm:one "select sum(n) as n from account" } })]], { at_once = 1 })
    assert.equal(504, g:post("/slow").status)
    assert.equal('{"x":{"n":100}}', g:get("/sum").body)
    none_open()
    server:sql "update account set n = 7 where id = 1" -- nobody holds its lock
  end)

  it("refuses as busy what would wait too long, and takes no place for it", function()
    local g = server:serve([[gate.get("/", { within = "5s", calls = { x = crm:one "select pg_sleep(0.3)::text as s" } })]],
      { at_once = 1, waiting = 1 })
    assert.equal(200, g:get("/").status)
    wait.in_time(function() -- they come before the first is over
      local statuses = { [200] = 0, [503] = 0 }
      wait.at_once(4, function()
        local status = g:get("/").status
        statuses[status] = statuses[status] + 1
      end)
      assert.is_true(statuses[200] >= 1 and statuses[503] >= 2, statuses[200] .. " " .. statuses[503])
    end)
    assert.equal(200, g:get("/").status)
  end)

  describe("in one transaction", function()
    local ROUTES = [[
      gate.post("/pay/{from}/{to}/{n}", { input = { from = "integer", to = "integer", n = "integer" }, calls = {
        first = crm:one "select 5 as five",
        pay = crm:atomic({
          crm:one("update account set n = n - $2 where id = $1 returning n", "{from}", "{n}"),
          crm:run("update account set n = n + $2 where id = $1", "{to}", "{n}"),
          crm:query("select id, n, $1::int as five from account order by id", "{first.body.five}"),
        }, { relay = { 404 } }) }, reply = "{pay.body}" })
      gate.post("/fn/{n}", function(req)
        return crm:atomic({ crm:run("update account set n = n - $1 where id = 1", req.params.n),
          crm:run("update account set n = n + $1 where id = 2", req.params.n) }):wait().body
      end)]]

    it("gives the results in order, and keeps all or nothing", function()
      local g = server:serve(ROUTES)
      assert.equal('[{"n":70},{"changes":1,"last_id":null},[{"id":1,"n":70,"five":5},{"id":2,"n":30,"five":5}]]',
        g:post("/pay/1/2/30").body)
      assert.equal('[{"changes":1,"last_id":null},{"changes":1,"last_id":null}]', g:post("/fn/10").body)
      assert.equal("60|40", server:sql "select string_agg(n::text, '|' order by id) from account")
      assert.equal(502, g:post("/pay/1/2/61").status) -- the check refuses
      assert.equal(502, g:post("/fn/61").status)
      assert.equal(404, g:post("/pay/9/2/1").status)  -- no such row: the first row is not there
      assert.equal("60|40", server:sql "select string_agg(n::text, '|' order by id) from account")
      assert.equal(200, g:post("/pay/1/3/60").status) -- nobody gets it, as written
      none_open()
    end)

    it("is one for SQLite too", function()
      local g = server:serve [[
        gate.post("/make", function() return lite:run("create table account (id integer primary key, n int check (n >= 0))"):wait().body end)
        gate.post("/fill", function() return lite:run("insert into account values (1, 100), (2, 0)"):wait().body end)
        gate.post("/pay/{n}", { input = { n = "integer" }, calls = { pay = lite:atomic({
          lite:run("update account set n = n + ? where id = 2", "{n}"),
          lite:one("update account set n = n - ? where id = 1 returning n", "{n}") }) }, reply = "{pay.body}" })
        gate.get("/", function() return lite:query("select n from account order by id"):wait().body end)]]
      g:post "/make"
      g:post "/fill"
      assert.equal('[{"changes":1,"last_id":0},{"n":70}]', g:post("/pay/30").body)
      assert.equal(502, g:post("/pay/71").status)
      assert.equal('[{"n":70},{"n":30}]', g:get("/").body)
    end)

    it("may set what holds for it alone", function()
      local g = server:serve([[gate.get("/", { calls = {
        a = crm:atomic { crm:run "set transaction isolation level serializable", crm:run "set local timezone = 'Asia/Tokyo'",
          crm:one "select current_setting('transaction_isolation') as i, current_setting('timezone') as z" },
        b = crm:one("select current_setting('timezone') as z", { needs = "a" }) } })]], { at_once = 1 })
      assert.equal('{"a":[{"changes":0,"last_id":null},{"changes":0,"last_id":null},{"i":"serializable","z":"Asia/Tokyo"}],'
        .. '"b":{"z":"UTC"}}', g:get("/").body)
    end)

    it("fails as a whole when its end is refused, or a part of it ends it", function()
      server:sql "create table if not exists late (n int unique deferrable initially deferred)"
      local g = server:serve([[
        gate.get("/late", { calls = { a = crm:atomic { crm:run "insert into late values (1)", crm:run "insert into late values (1)" } } })
        gate.get("/end", { calls = { a = crm:atomic { crm:run "insert into late values (1)",
          crm:run "/* /* */ */ rollback", crm:run "insert into late values (2)" } } })]],
        { at_once = 1 })
      for _, path in ipairs { "/late", "/end", "/late" } do
        assert.equal(502, g:get(path).status)
        assert.equal("0", server:sql "select count(*) from late")
      end
    end)
  end)
end)

describe("PostgreSQL that goes away", function()
  setup(function()
    server = postgres.start()
  end)

  after_each(gateway.clean)
  teardown(postgres.clean)

  it("is refused at once while it is away, and works within a second of its return", function()
    local g = server:serve([[gate.get("/", { calls = { x = crm:one "select 1 as n" } })]], {}, { workers = 2 })
    assert.equal(200, g:get("/").status)
    local function refused(count)
      for _ = 1, count do
        if not g:get("/").body:find '"kind":"refused"' then
          return false
        end
      end
      return true
    end
    wait.below(1000, function()
      server:kill() -- its processes end a moment later, each of which may have a connection
      assert.truthy(wait.till(function() return refused(30) end, 10000))
      wait.below(1000, function() -- 10 ms each
        local began = wait.now()
        assert.is_true(refused(100))
        return wait.now() - began
      end)
      wait.sleep(1000) -- so that it is not tried very often any more
      server:up()
      local back = wait.till(function() return server:psql("postgres", "select 1") == "1" and wait.now() end, 20000)
      assert.truthy(wait.till(function() return g:get("/").status == 200 end, 20000))
      return wait.now() - back
    end)
    local log = g:log()
    assert.truthy(log:find("database crm cannot be reached", 1, true))
    assert.truthy(wait.till(function() return g:log():find("database crm can be reached again", 1, true) end))
  end)

  it("starts without it", function()
    server:kill()
    local g = server:serve [[gate.get("/", { calls = { x = crm:one "select 1 as n" } })]]
    assert.matches('"kind":"refused"', g:get("/").body)
    server:up()
    assert.truthy(wait.till(function() return g:get("/").status == 200 end, 20000))
  end)

  it("hands no reply to the wrong request when it is killed under load, and others lose nothing", function()
    local kills = postgres.slow and 2 or 5
    if postgres.slow then
      print(("  (%d kills, since a sanitizer is at work)"):format(kills))
    end
    local g = server:serve([[
      gate.get("/id/{id}", { within = "3s", calls = { x = crm:one("select $1::int as id, pg_sleep(0.001)::text", "{id}") }, reply = "{x.body.id}" })
      gate.get("/optional/{id}", { within = "3s", calls = { x = crm:one("select $1::int as id", "{id}", { fallback = { id = -1 } }) },
        reply = { "{x.body.id}", "{id}" } })
      gate.get("/other/{id}", { calls = { v = gate.value("{id}", { delay = "5ms" }) } })]], { at_once = 8 }, { workers = 2 })
    local over = false
    local good, failed, kinds = 0, 0, {}
    local function client(n)
      local c = g:connect()
      local i = 0
      while not over do
        i = i + 1
        local id = n * 1000000 + i
        local reply = c:ask("/id/" .. id)
        if reply.status == 200 then
          assert.equal(tostring(id), reply.body)
          good = good + 1
        else
          local kind = reply.body:match '"kind":"(%l+)"'
          kinds[kind or reply.body] = (kinds[kind or reply.body] or 0) + 1
          failed = failed + 1
          wait.sleep(2)
        end
        reply = c:ask("/optional/" .. id)
        assert.equal(200, reply.status, reply.body)
        local got = tonumber((reply.body:match '^%[(-?%d+),"%d+"%]$'))
        assert.is_true(got == id or got == -1, reply.body)
        reply = c:ask("/other/" .. id)
        assert.equal('{"v":"' .. id .. '"}', reply.body)
      end
      c:close()
    end
    local tasks = {}
    for n = 1, 16 do
      tasks[n] = function() client(n) end
    end
    tasks[17] = function()
      local ok, why = pcall(function()
        for _ = 1, kills do
          wait.sleep(200)
          local before = good
          assert.truthy(wait.till(function() return good > before + 60 end, 20000), "no good replies")
          server:kill()
          wait.sleep(100)
          server:up()
          local again = good
          assert.truthy(wait.till(function() return good > again end, 20000), "no good replies after its return")
        end
      end)
      over = true
      assert(ok, why)
    end
    wait.at_once(tasks)
    assert.is_true(good > 100 and failed > 0, good .. " good, " .. failed .. " failed")
    for kind in pairs(kinds) do
      assert.is_true(kind == "reset" or kind == "refused" or kind == "busy" or kind == "timeout", kind)
    end
    assert.truthy(wait.till(function() return (server:count() or 9) <= 8 end, 10000))
  end)

  it("costs its calls no more than their time while it is mute, and the gateway ends all the same", function()
    local g = server:serve([[
      gate.get("/", { within = "200ms", calls = { x = crm:one "select pg_sleep(3)::text" } })
      gate.get("/other", { calls = { x = gate.value "here" } })]], { connect = "300ms" })
    assert.equal(504, g:get("/").status)
    server:signal(posix.SIGSTOP) -- its port takes connections, and nobody answers, cancelling included
    local ok, why = pcall(function()
      for _ = 1, 10 do
        wait.below(1000, function()
          local reply = g:get "/"
          assert.is_true(reply.status == 504 or reply.status == 502, tostring(reply.status))
          return reply.ms
        end)
        assert.equal(200, g:get("/other").status)
      end
      g:stop(10000)
    end)
    server:signal(posix.SIGCONT)
    assert(ok, why)
  end)
end)
