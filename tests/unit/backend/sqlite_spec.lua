local backend = require "support.backend"
local wait = require "support.wait"

local path, caller

local function call(verb, sql, ...)
  return { kind = "SQL", sql = { verb = "MG_SQL_" .. verb, sql = sql, args = { ... } } }
end

local function ask(verb, sql, ...)
  return caller:ask(call(verb, sql, ...))
end

local function ok(verb, sql, ...)
  local result = ask(verb, sql, ...)
  assert.same({ "ok", "" }, { result.error, result.message })
  assert.equal("json", result.form)
  return result.body
end

-- The same where a thread may still be at what nobody waits for any more.
local function ok_soon(verb, sql, ...)
  local args, result = { ... }, nil
  wait.till(function()
    result = ask(verb, sql, unpack(args))
    return result.error ~= "busy"
  end, 10000)
  assert.same({ "ok", "" }, { result.error, result.message })
  return result.body
end

local function reopen(readers, queue)
  assert.is_true(caller:close())
  caller = assert(backend.sqlite(path, readers, queue))
end

local function sql_error(verb, sql, ...)
  local result = ask(verb, sql, ...)
  assert.equal("sql", result.error, sql)
  assert.equal("", result.body)
  return result.message
end

-- A statement that works until it is stopped.
local endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"

before_each(function()
  path = os.tmpname()
  os.remove(path)
  caller = assert(backend.sqlite(path))
end)

after_each(function()
  assert.is_true(caller:close())
  os.execute(("rm -f '%s' '%s-wal' '%s-shm'"):format(path, path, path))
end)

describe("gate.database on SQLite", function()
  it("makes the file, in WAL mode, with foreign keys on", function()
    assert.equal('{"journal_mode":"wal"}', ok("ONE", "pragma journal_mode"))
    assert.equal('{"foreign_keys":1}', ok("ONE", "pragma foreign_keys"))
    ok("RUN", "create table a (id integer primary key)")
    ok("RUN", "create table b (a integer references a)")
    assert.matches("FOREIGN KEY", sql_error("RUN", "insert into b values (7)"))
  end)

  it("answers query, one and run", function()
    assert.equal('{"changes":0,"last_id":0}',
      ok("RUN", "create table t (id integer primary key, name text)"))
    assert.equal('{"changes":2,"last_id":2}',
      ok("RUN", "insert into t (name) values (?), (?)", "Ada", "Grace"))
    assert.equal('{"changes":1,"last_id":0}', ok("RUN", "update t set name = 'Ada L.' where id = ?", 1))
    assert.equal('[{"id":1,"name":"Ada L."},{"id":2,"name":"Grace"}]',
      ok("QUERY", "select * from t order by id"))
    assert.equal('{"name":"Grace"}', ok("ONE", "select name from t where id = ?", 2))
    assert.equal("[]", ok("QUERY", "select * from t where id = ?", 3))
    assert.equal('{"changes":2,"last_id":0}', ok("RUN", "delete from t"))
    assert.equal('{"changes":0,"last_id":0}', ok("RUN", "create table u (a)"))
  end)

  it("counts a first row that is not there as status 404", function()
    local result = ask("ONE", "select 1 where 0")
    assert.same({ "status", 404, "" }, { result.error, result.status, result.body })
  end)

  it("keeps the order and the names of columns, and writes values as JSON", function()
    assert.equal('{"b":null,"a":1,"a \\"q\\"":"x\\ny",'
      .. '"big":9223372036854775807,"half":0.5,"whole":2,"text":"é"}',
      ok("ONE", [[select null as b, 1 as a, 'x' || char(10) || 'y' as "a ""q""", 9223372036854775807 as big,
        0.5 as half, 2.0 as whole, cast('é' as blob) as text]]))
    assert.matches("column picture is a blob", sql_error("QUERY", "select x'ff00' as picture"))
    assert.matches("column far is infinite", sql_error("ONE", "select 9e999 as far"))
  end)

  it("binds values in order, and never pastes them", function()
    assert.equal('{"a":"\'; drop table t; --","b":7,"c":0.25,"d":1,"e":null,"f":""}',
      ok("ONE", "select ? as a, ? as b, ? as c, ? as d, ? as e, ? as f", "'; drop table t; --", 7, 0.25,
        true, backend.null, ""))
    assert.equal('{"n":-9223372036854775807}', ok("ONE", "select ? as n", -9223372036854775807LL))
    assert.equal('{"t":"text","e":"text"}', ok("ONE", "select typeof(?) as t, typeof(?) as e", "1", ""))
  end)

  it("says how many values a statement needs", function()
    assert.equal("the statement has 2 parameters, 1 value is given", sql_error("ONE", "select ?, ?", 1))
    assert.equal("the statement has 0 parameters, 2 values are given", sql_error("RUN", "select 1", 1, 2))
  end)

  it("keeps nothing of a call's values for the next one", function()
    assert.equal('{"a":"secret"}', ok("ONE", "select ? as a", "secret"))
    sql_error("ONE", "select ? as a")
    assert.equal('{"a":"b"}', ok("ONE", "select ? as a", "b"))
  end)

  it("gives SQLite's words for what it refuses", function()
    assert.equal("no such table: none", sql_error("QUERY", "select * from none"))
    assert.matches('near "selct": syntax error', sql_error("RUN", "selct 1"))
    ok("RUN", "create table t (id integer primary key)")
    ok("RUN", "insert into t values (1)")
    assert.equal("UNIQUE constraint failed: t.id", sql_error("RUN", "insert into t values (1)"))
  end)

  it("runs one statement a call", function()
    assert.equal('{"a":1}', ok("ONE", "select 1 as a; -- and that is all\n /* really */ ;"))
    for _, text in ipairs { "select 1; select 2", "select 1; drop table t", "select 1; nonsense",
      "select 1\0" } do
      assert.equal("one call runs one statement, here is more", sql_error("ONE", text))
    end
    for _, text in ipairs { "", " ", "-- nothing" } do
      assert.equal("there is no statement in the text", sql_error("ONE", text))
    end
  end)

  it("sends a query that writes to the writer", function()
    ok("RUN", "create table t (id integer primary key, n)")
    for i = 1, 3 do
      assert.equal(('{"id":%d}'):format(i), ok("ONE", "insert into t (n) values (?) returning id", i))
    end
    assert.equal('[{"n":10},{"n":20},{"n":30}]', ok("QUERY", "update t set n = n * 10 returning n"))
    assert.equal('{"s":60}', ok("ONE", "select sum(n) as s from t"))
  end)

  it("undoes a write whose rows are too large", function()
    ok("RUN", "create table t (n)")
    local insert = call("QUERY", "insert into t values (?) returning n", ("x"):rep(100))
    insert.most = 50
    assert.equal("too_large", caller:ask(insert).error)
    assert.equal('{"n":0}', ok("ONE", "select count(*) as n from t"))
    assert.equal('{"changes":1,"last_id":1}', ok("RUN", "insert into t values (1)"))
  end)

  it("fails as too_large one byte above the limit", function()
    local two = call("QUERY", "select 1 as a union all select 2")
    two.most = #'[{"a":1},{"a":2}]'
    assert.equal("ok", caller:ask(two).error)
    two.most = two.most - 1
    local result = caller:ask(two)
    assert.same({ "too_large", "" }, { result.error, result.body })
    assert.equal("too_large", ask("ONE", "select length(zeroblob(900000000)) as a").error)
  end)

  it("leaves no transaction and no changed connection to the next call", function()
    for _, text in ipairs { "begin", "begin immediate", "commit", "savepoint a", "attach ':memory:' as m",
      "pragma query_only = 0", "pragma foreign_keys = off", "vacuum into '/tmp/copy.db'" } do
      for _, verb in ipairs { "QUERY", "RUN" } do
        assert.matches("a call cannot begin or end transactions", sql_error(verb, text))
      end
    end
    assert.equal("not authorized", sql_error("RUN", "select load_extension('x')"))
  end)

  it("answers pragmas that only ask", function()
    ok("RUN", "create table t (id)")
    assert.matches('"name":"id"', ok("QUERY", "pragma table_info(t)"))
  end)

  it("prepares more statements than it keeps", function()
    for round = 1, 2 do
      for i = 1, 100 do
        assert.equal(('{"a":%d}'):format(i + round), ok("ONE", ("select %d + ? as a"):format(i), round))
      end
    end
  end)

  it("sees a table that another connection made or changed", function()
    ok("RUN", "create table t (a)")
    ok("RUN", "insert into t values (1)")
    assert.equal('{"a":1}', ok("ONE", "select * from t"))
    ok("RUN", "alter table t add column b default 2")
    assert.equal('{"a":1,"b":2}', ok("ONE", "select * from t"))
  end)

  it("stops a query that is cancelled, and its thread serves the next", function()
    reopen(1, 1)
    for _ = 1, 3 do
      local long = caller:start(call("ONE", endless))
      caller:cancel(long)
      assert.equal(1, caller:wait())
      assert.equal("cancelled", long.result.error)
      assert.equal('{"a":1}', ok_soon("ONE", "select 1 as a"))
    end
  end)

  it("fails as timeout at its deadline, and its thread serves the next", function()
    local long = call("ONE", endless)
    long.within = 20
    local result = caller:ask(long)
    assert.equal("timeout", result.error)
    assert.is_true(result.ms >= 20 and result.ms < 2000)
    assert.equal('{"a":1}', ok("ONE", "select 1 as a"))
  end)

  it("finishes a write whose call has ended", function()
    wait.in_time(function() -- what was not begun in its time never is
      ok_soon("RUN", "drop table if exists t")
      ok("RUN", "create table t (n)")
      local write = call("RUN", [[insert into t with recursive n(i) as
        (select 1 union all select i + 1 from n limit 200000) select i from n]])
      write.within = 25
      local result = caller:ask(write)
      assert.is_true(result.error == "timeout" or result.error == "ok")
      -- Busy while the first one keeps the writer for longer than a call may wait.
      assert.equal('{"changes":1,"last_id":200001}', ok_soon("RUN", "insert into t values (0)"))
      assert.equal('{"n":200001}', ok("ONE", "select count(*) as n from t"))
    end)
  end)

  it("does not begin a write that was cancelled before its turn", function()
    wait.in_time(function() -- behind a writer that stands still the second would be refused
      ok("RUN", "drop table if exists t")
      ok("RUN", "create table t (n)")
      reopen()
      local first = caller:start(call("RUN", [[insert into t with recursive n(i) as
        (select 1 union all select i + 1 from n limit 100000) select i from n]]))
      local second = caller:start(call("RUN", "delete from t"))
      caller:cancel(second)
      assert.equal(2, caller:wait())
      assert.same({ "ok", "cancelled" }, { first.result.error, second.result.error })
      assert.equal('{"n":100000}', ok("ONE", "select count(*) as n from t"))
    end)
  end)

  it("says busy when more calls come than its threads and its queue take", function()
    local words, apart
    repeat -- whoever comes later than a call may wait (100 ms) is refused where there is room, too
      reopen(1, 2)
      local calls = {}
      local began = wait.now()
      for i = 1, 10 do
        calls[i] = call("ONE", endless)
        calls[i].within = i == 1 and 300 or 100 -- those that wait are over before their turn comes
        calls[i] = caller:start(calls[i])
      end
      apart = wait.now() - began
      assert.equal(10, caller:wait())
      words = { timeout = 0, busy = 0 }
      for _, it in ipairs(calls) do
        words[it.result.error] = words[it.result.error] + 1
      end
    until apart < 50
    assert.same({ timeout = 3, busy = 7 }, words)
  end)

  it("answers a hundred reads and writes at once, each its own", function()
    wait.in_time(function() -- threads that stand still for a moment refuse some
      reopen(4, 1000)
      ok("RUN", "drop table if exists t")
      ok("RUN", "create table t (n)")
      local reads, writes, written = {}, {}, 0
      for i = 1, 50 do
        reads[i] = caller:start(call("ONE", "select ? as n", i))
        writes[i] = caller:start(call("RUN", "insert into t values (?)", i))
      end
      assert.equal(100, caller:wait())
      for i = 1, 50 do -- where a disk is slow, some may find the writer busy
        assert.equal(('{"n":%d}'):format(i), reads[i].result.body)
        written = written + (writes[i].result.error == "ok" and 1 or 0)
      end
      assert.is_true(written > 0)
      assert.equal(('{"n":%d}'):format(written), ok("ONE", "select count(*) as n from t"))
    end)
  end)

  describe("in one transaction", function()
    local function atomic(...)
      local parts = {}
      for i, part in ipairs { ... } do
        parts[i] = call(unpack(part)).sql
      end
      return { kind = "SQL", sql = { verb = "MG_SQL_ATOMIC", parts = parts } }
    end

    local function rows()
      return ok("ONE", "select group_concat(n) as n from (select n from t order by n)")
    end

    before_each(function()
      ok("RUN", "create table t (n integer primary key)")
    end)

    it("answers each in order", function()
      local result = caller:ask(atomic({ "RUN", "insert into t values (?), (?)", 1, 2 },
        { "QUERY", "update t set n = n + 10 where n > ? returning n", 1 }, { "ONE", "select count(*) as c from t" },
        { "QUERY", "select * from t where n = 7" }))
      assert.same({ "ok", '[{"changes":2,"last_id":2},[{"n":12}],{"c":2},[]]' }, { result.error, result.body })
      assert.equal('{"n":"1,12"}', rows())
    end)

    it("leaves nothing of it when one fails", function()
      for _, last in ipairs { { "RUN", "insert into t values (1)" }, { "RUN", "nonsense" }, { "RUN", "commit" },
        { "ONE", "select 1 where 0" }, { "RUN", "select ?" }, { "ONE", "select 9e999 as far" } } do
        local result = caller:ask(atomic({ "RUN", "insert into t values (1)" }, last))
        assert.equal(last[2] == "select 1 where 0" and "status" or "sql", result.error, last[2])
        assert.equal(result.error == "status" and 404 or 0, result.status)
        assert.equal("", result.body)
        assert.equal('{"n":null}', rows())
      end
    end)

    it("leaves nothing of it when its results are too large, nor one byte below the limit less", function()
      local one = atomic({ "RUN", "insert into t values (1)" }, { "QUERY", "select * from t" })
      one.most = #'[{"changes":1,"last_id":1},[{"n":1}]]' - 1
      assert.equal("too_large", caller:ask(one).error)
      assert.equal('{"n":null}', rows())
      one.most = one.most + 1
      assert.equal("ok", caller:ask(one).error)
      assert.equal('{"n":"1"}', rows())
    end)

    it("is undone at its deadline and when it is cancelled, also while it writes", function()
      local endless_write = [[insert into t with recursive n(i) as
        (select 2 union all select i + 1 from n) select i from n]]
      local late = atomic({ "RUN", "insert into t values (1)" }, { "RUN", endless_write })
      late.within = 30
      assert.equal("timeout", caller:ask(late).error)
      -- Where undoing takes long, it says for a while that there is too much to do.
      local left
      wait.till(function()
        left = caller:start(atomic({ "RUN", "insert into t values (1)" }, { "RUN", endless_write }))
        caller:cancel(left)
        caller:wait()
        return left.result.error ~= "busy"
      end, 10000)
      assert.equal("cancelled", left.result.error)
      local result
      wait.till(function()
        result = ask("RUN", "insert into t values (5)")
        return result.error ~= "busy"
      end, 10000)
      assert.same({ "ok", '{"changes":1,"last_id":5}' }, { result.error, result.body })
      assert.equal('{"n":"5"}', rows())
    end)

    it("is seen by nobody before its end", function()
      local seen_half = false -- in any try
      wait.in_time(function() -- threads that stand still for a moment refuse some
        reopen(4, 1000)
        ok("RUN", "delete from t")
        local reads, others = {}, {}
        for i = 1, 30 do
          caller:start(atomic({ "RUN", "insert into t values (?)", i },
            { "RUN", "insert into t values (?)", -i }))
          reads[i] = caller:start(call("ONE", "select sum(n) as s, count(*) % 2 as odd from t"))
        end
        caller:wait()
        for i = 1, 30 do
          local body = reads[i].result.body
          if body ~= '{"s":0,"odd":0}' and body ~= '{"s":null,"odd":0}' then
            others[#others + 1] = reads[i].result.error .. body
            seen_half = seen_half or reads[i].result.error == "ok"
          end
        end
        assert.same({}, others)
      end)
      assert.is_false(seen_half)
    end)
  end)

  it("takes files only", function()
    -- libuv closes a loop's descriptors by system calls that ThreadSanitizer does not see: no
    -- thread may be opening its database meanwhile.
    assert.is_true(caller:close())
    for _, bad in ipairs { ":memory:", "", "file:x.db?mode=memory", "/", "/none/such/folder.db" } do
      local none, why = backend.sqlite(bad)
      assert.is_nil(none, bad)
      assert.is_true(#why > 10, why)
    end
    caller = assert(backend.sqlite(path))
  end)
end)
