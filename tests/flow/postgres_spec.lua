-- PostgreSQL as a route author sees it, with a server of the tests' own.
local dkjson = require "dkjson"
local gateway = require "support.gateway"
local http = require "support.http"
local postgres = require "support.postgres"
local wait = require "support.wait"

local server

-- The reply of a gateway whose one route runs `body`.
local function answer(body, options, more)
  local g = server:serve("gate.get('/', function(req)\n" .. body .. "\nend)", options, more)
  local reply = g:get "/"
  assert.equal(200, reply.status, reply.body .. g:log())
  return reply.body
end

-- The JSON of one row, spliced into the reply by C.
local function row(select, ...)
  local args = { ... }
  for i, arg in ipairs(args) do
    args[i] = "," .. arg
  end
  local g = server:serve(("gate.get('/', { calls = { x = crm:one(%q%s) } })"):format("select " .. select, table.concat(args)))
  local reply = g:get "/"
  assert.equal(200, reply.status, reply.body .. g:log())
  return reply.body:match '^{"x":(.*)}$'
end

-- What a failed call says to its script: its kind and message.
local function failure(call, options)
  local out = answer("local r = " .. call .. [[:wait()
    return { r.error and r.error.kind or "none", r.error and r.error.message or "", r.status or 0 }]], options)
  return out
end

describe("gate.database on PostgreSQL", function()
  setup(function()
    server = postgres.start()
    server:sql "create table person (id serial primary key, name text unique)"
  end)

  before_each(function()
    server:sql "truncate person restart identity"
  end)

  after_each(gateway.clean)
  teardown(postgres.clean)

  it("answers query, one and run", function()
    assert.equal('[{"changes":2,"last_id":null},{"changes":2,"last_id":4},{"changes":2,"last_id":null},'
      .. '{"changes":0,"last_id":null},[{"id":1,"name":"Ada."},{"id":2,"name":"Grace."}],[],{"name":"Alan"},'
      .. '{"changes":4,"last_id":"Kurt"}]',
      answer [[
      local a = crm:run("insert into person (name) values ($1), ($2)", "Ada", "Grace"):wait().body
      local b = crm:run("insert into person (name) values ($1), ($2) returning id", "Alan", "Kurt"):wait().body
      local c = crm:run("update person set name = name || '.' where id <= $1", 2):wait().body
      local d = crm:run("create table if not exists other (id int)"):wait().body
      local rows = crm:query("select id, name from person where id < $1 order by id", 3):wait().body
      local none = crm:query("select id from person where name = $1", "none"):wait().body
      local one = crm:one("select name from person where id = $1", 3):wait().body
      local e = crm:run("with gone as (delete from person returning *) insert into person select * from gone "
        .. "where id > 0 order by id returning name", { optional = true }):wait()
      e = e.ok and e.body or crm:run("delete from person returning name"):wait().body
      return { a, b, c, d, rows, none, one, e }]])
  end)

  it("answers what a run selects with no changes, and runs what has no rows as a query", function()
    assert.equal('[{"changes":0,"last_id":7},[],[{"n":1},{"n":2}]]', answer [[
      return { crm:run("select 7"):wait().body, crm:query("create temp table gone (n int)"):wait().body,
        crm:query("select n from generate_series(1, 2) as n"):wait().body }]])
  end)

  it("counts a first row that is not there as status 404", function()
    local g = server:serve [[
      gate.get("/relay/{id}", { calls = { p = crm:one("select name from person where id = $1", "{id}", { relay = { 404 } }) } })
      gate.get("/fail/{id}", { calls = { p = crm:one("select name from person where id = $1", "{id}") } })
      gate.get("/optional/{id}", { calls = { p = crm:one("select name from person where id = $1", "{id}", { optional = true }) } })]]
    assert.equal(404, g:get("/relay/7").status)
    assert.equal(502, g:get("/fail/7").status)
    assert.equal('{"p":null}', g:get("/optional/7").body)
    server:sql "insert into person values (7, 'Ada')"
    assert.equal('{"p":{"name":"Ada"}}', g:get("/relay/7").body)
    assert.equal(502, g:get("/fail/seven").status) -- the server infers that it is an integer
  end)

  describe("writes as JSON", function()
    local cases = {}

    local function gives(json, select)
      cases[#cases + 1] = { json, select }
    end

    -- What was said since the last time, asked for by the routes of one gateway.
    local function check()
      local routes = {}
      for i, case in ipairs(cases) do
        routes[i] = ("gate.get('/%d', { calls = { x = crm:one(%q) } })"):format(i, "select " .. case[2] .. " as v")
      end
      local g = server:serve(table.concat(routes, "\n"))
      for i, case in ipairs(cases) do
        assert.equal('{"x":{"v":' .. case[1] .. "}}", g:get("/" .. i).body, case[2])
      end
      cases = {}
    end

    it("integers, numerics and floats with all their digits", function()
      gives("9223372036854775807", "9223372036854775807::int8")
      gives("-32768", "(-32768)::int2")
      gives("4294967295", "4294967295::oid")
      gives("123456789012345678901234567890.123450", "123456789012345678901234567890.123450::numeric")
      gives("0.10", "0.10::numeric(5,2)")
      gives("0.1", "0.1::float8")
      gives("1e+300", "1e300::float8")
      gives("1.7976931348623157e+308", "1.7976931348623157e308::float8")
      gives("0.1", "0.1::float4")
      gives('"NaN"', "'NaN'::float8")
      gives('"-Infinity"', "'-Infinity'::float8")
      gives('"NaN"', "'NaN'::numeric")
      check()
    end)

    it("booleans, null and text", function()
      gives("true", "true")
      gives("false", "1 > 2")
      gives("null", "null::int")
      gives('""', "''")
      gives([["a \"b\" \\ \n \u0001 é €"]], [[E'a "b" \\ \n \x01 é €']])
      gives('"x   "', "'x'::char(4)")
      gives('"b5a0e0b8-6b0a-4b0e-8f59-2a5f9d6f3c1e"', "'B5A0E0B8-6B0A-4B0E-8F59-2A5F9D6F3C1E'::uuid")
      gives([["\\x00ff41"]], [['\x00ff41'::bytea]])
      gives('"10.0.0.0/8"', "'10.0.0.0/8'::cidr")
      gives('"(1,2)"', "point(1,2)")
      gives('"(1,x)"', "row(1, 'x')")
      check()
    end)

    it("json as it stands", function()
      gives('{"b": 1,  "a": [1.50, 1e2, null]}', [['{"b": 1,  "a": [1.50, 1e2, null]}'::json]])
      gives('{"a": 12345678901234567890.10}', [['{"a":12345678901234567890.10}'::jsonb]])
      gives("null", "'null'::json")
      gives('[1, "x"]', [[' [1, "x"] '::json]])
      check()
      assert.matches("nested too deep", failure [[crm:one("select (repeat('[', 200) || repeat(']', 200))::json", { optional = true })]])
    end)

    it("dates and times in ISO 8601, in UTC", function()
      gives('"2024-02-29"', "'2024-02-29'::date")
      gives('"2024-02-29T13:14:15.678901"', "'2024-02-29 13:14:15.678901'::timestamp")
      gives('"2024-02-29T11:14:15+00:00"', "'2024-02-29 13:14:15+02'::timestamptz")
      gives('"13:14:15"', "'13:14:15'::time")
      gives('"P1Y2M3DT4H5M6S"', "'1 year 2 mons 3 days 04:05:06'::interval")
      gives('"infinity"', "'infinity'::timestamp")
      gives('"0044-03-15 00:00:00 BC"', "'0044-03-15 00:00:00 BC'::timestamp")
      gives('"12024-01-01T00:00:00"', "'12024-01-01'::timestamp")
      check()
    end)

    it("whatever the role and the database would rather have", function()
      server:sql([[alter role app set datestyle = 'German'; alter role app set timezone = 'Asia/Tokyo';
        alter role app set intervalstyle = 'postgres'; alter role app set bytea_output = 'escape';
        alter role app set extra_float_digits = -3; alter role app set client_encoding = 'LATIN1']])
      gives('"2024-02-29T11:14:15+00:00"', "'2024-02-29 13:14:15+02'::timestamptz")
      gives('"P1Y"', "'1 year'::interval")
      gives([["\\x00"]], [['\x00'::bytea]])
      gives("0.30000000000000004", "0.1::float8 + 0.2::float8")
      gives('"é"', "'é'")
      local ok, why = pcall(check)
      server:sql "alter role app reset all"
      assert(ok, why)
    end)

    it("arrays of the common types as lists, others as text", function()
      gives("[1,null,3]", "array[1, null, 3]")
      gives("[[1,2],[3,4]]", "array[[1,2],[3,4]]")
      gives("[]", "'{}'::int[]")
      gives("[5,6]", "'[0:1]={5,6}'::int[]")
      gives([=[["a","b c","d,e","f\"g","h\\i","NULL",null,"","{x}","é"]]=],
        [=[array['a', 'b c', 'd,e', 'f"g', E'h\\i', 'NULL', null, '', '{x}', 'é']]=])
      gives("[true,false]", "array[true, false]")
      gives('[1.50,"NaN"]', "array[1.50, 'NaN'::numeric]")
      gives('[{"a": [1,2]},null]', [[array['{"a": [1,2]}'::json, null] ]])
      gives('["2024-02-29T11:14:15+00:00"]', "array['2024-02-29 13:14:15+02'::timestamptz]")
      gives('"{\\"(1,2)\\"}"', "array[point(1,2)]")
      check()
    end)

    it("columns in their order under their names", function()
      assert.equal('{"b":1,"a \\"q\\"":2,"?column?":3}', row [[1 as b, 2 as "a ""q""", 3]])
      assert.equal("[{},{}]", answer [[return crm:query("select from generate_series(1, 2)"):wait().body]])
    end)
  end)

  it("binds values of every type, in order, and never pastes them", function()
    assert.equal('{"a":7,"b":0.25,"c":true,"d":null,"e":null,"f":9007199254740993,"g":"\'; drop table person; --","h":"",'
      .. '"i":"1"}', row(
      '$1::int as a, $2::float8 as b, $3::bool as c, $4::text as d, $5::int as e, $6::int8 as f, $7::text as g, $8 as h, '
      .. '$9 as i', 7, 0.25, "true", "nil", "gate.null", 'gate.json.decode "9007199254740993"',
      [["'; drop table person; --"]], '""', '"1"'))
  end)

  it("binds the request's JSON with the digits it came with, objects and lists as JSON", function()
    local g = server:serve [[gate.post("/", { calls = { x = crm:one(
      "select $1::numeric as n, $2::jsonb -> 'a' as j, $3::json as l, $4::text as t, $5::timestamptz as z, $6::int8 as i",
      "{body.n}", "{body.o}", "{body.l}", "{body.t}", "{body.z}", "{body.i}") } })]]
    local reply = g:post("/", { body = [[{"n":12345678901234567890.123456789,"o":{"a":[1,2]},"l":["x"],"t":true,
      "z":"2024-02-29T13:14:15+02:00","i":-9223372036854775808}]], headers = { ["content-type"] = "application/json" } })
    assert.equal('{"x":{"n":12345678901234567890.123456789,"j":[1, 2],"l":["x"],"t":"true","z":"2024-02-29T11:14:15+00:00",'
      .. '"i":-9223372036854775808}}', reply.body)
  end)

  it("leaves ? and braces to PostgreSQL", function()
    assert.equal('{"has":true,"second":2}', row [[ '{"a":1}'::jsonb ? 'a' as has, ('{1,2}'::int[])[2] as second ]])
  end)

  it("says what the server says, to the script and the log, not to the client", function()
    server:sql "insert into person (name) values ('Ada')"
    assert.equal('["sql","duplicate key value violates unique constraint \\"person_name_key\\" (23505)",0]',
      failure [[crm:run("insert into person (name) values ('Ada')", { optional = true })]])
    assert.equal('["sql","relation \\"none\\" does not exist (42P01)",0]',
      failure [[crm:query("select * from none", { optional = true })]])
    assert.matches("supplies 1 parameters, but prepared statement .* requires 2",
      failure [[crm:query("select $1::int + $2::int", 1, { optional = true })]])
    assert.matches("cannot insert multiple commands", failure [[crm:run("select 1; drop table person", { optional = true })]])
    local g = server:serve [[gate.get("/", { calls = { x = crm:query "select secret from none" } })]]
    local reply = g:get "/"
    assert.equal(502, reply.status)
    assert.is_nil(reply.body:find "none")
    assert.matches("the database refused the statement", reply.body)
    assert.truthy(wait.till(function() return g:log():find('relation "none" does not exist', 1, true) end))
  end)

  it("refuses what would change the connection for others", function()
    local refused = {}
    for _, sql in ipairs { "begin", " BEGIN", "/* x */ commit", "-- x\nrollback", "start transaction", "savepoint a",
      "set timezone = 'Asia/Tokyo'", "set local timezone = 'Asia/Tokyo'", "reset all", "discard all", "listen x", "prepare p as select 1",
      "deallocate all", "copy person to stdout", "end" } do
      refused[#refused + 1] = ("crm:run(%q, { optional = true }):wait().error.message"):format(sql)
    end
    for _, said in ipairs(dkjson.decode(answer("return {" .. table.concat(refused, ",") .. "}"))) do
      assert.matches("a call cannot begin or end transactions", said)
    end
    -- What gets past by a trick is seen by its outcome, and undone.
    assert.matches("began or ended a transaction", failure [[crm:run("/* /* */ */ begin", { optional = true })]])
    local out = answer([[
      crm:run("/* /* */ */ begin", { optional = true }):wait()
      crm:run("/* /* */ */ copy person to stdout", { optional = true }):wait()
      crm:run("insert into person (name) values ('Alan')"):wait()
      return crm:one("select count(*) as n from person"):wait().body]], { at_once = 1 })
    assert.equal('{"n":1}', out)
    local open = "select count(*) from pg_stat_activity where state like 'idle in transaction%'"
    assert.truthy(wait.till(function() return server:sql(open) == "0" end))
    assert.equal("1", server:sql "select count(*) from person")
  end)

  it("injects nothing, whatever byte a client sends", function()
    local g = server:serve [[
      gate.post("/fn", function(req) return crm:one("select $1 as v", req.text, { optional = true }):wait().body or gate.null end)
      gate.post("/plan", { calls = { x = crm:one("select $1 as v", "{body.v}", { optional = true }) } })]]
    local c = g:connect()
    for byte = 0, 255 do
      local text = "a" .. string.char(byte) .. "'; drop table person; --"
      local reply = c:ask("/fn", { body = text })
      assert.equal(200, reply.status)
      if byte >= 1 and byte < 128 then
        assert.equal(text, reply:json().v, "byte " .. byte)
      else
        assert.equal("null", reply.body, "byte " .. byte)
      end
      local escaped = ('{"v":"a\\u%04x\'; drop table person; --"}'):format(byte)
      reply = c:ask("/plan", { body = escaped, headers = { ["content-type"] = "application/json" } })
      assert.equal(200, reply.status)
      assert.equal(byte == 0, reply.body == '{"x":null}', reply.body)
    end
    assert.equal("0", server:sql "select count(*) from person")
    assert.matches("NUL", failure [[crm:one("select $1", "a\0b", { optional = true })]])
    assert.matches("NUL", failure [[crm:one("select 1\0", { optional = true })]])
  end)

  it("keeps no more statements prepared than it may, and knows them again", function()
    local out = answer([[
      local sum = 0
      for round = 1, 2 do
        for i = 1, 100 do
          sum = sum + crm:one(("select %d + $1::int as n"):format(i), round):wait().body.n
        end
      end
      return { sum, crm:one("select count(*) as n from pg_prepared_statements"):wait().body.n }]],
      { at_once = 1 }, { limits = { within = "60s" } })
    assert.equal("[10400,64]", out)
  end)

  it("sees a table that was changed, and statements that were forgotten", function()
    local g = server:serve([[
      gate.get("/", { calls = { x = crm:query "select * from changing" } })
      gate.get("/atomic", { calls = { x = crm:atomic { crm:run "insert into changing values (9)", crm:query "select * from changing" } } })]],
      { at_once = 1 })
    server:sql "create table changing (a int); insert into changing values (1)"
    assert.equal('{"x":[{"a":1}]}', g:get("/").body)
    server:sql "alter table changing add b text default 'x'"
    assert.equal('{"x":[{"a":1,"b":"x"}]}', g:get("/").body)
    assert.equal('{"x":[{"changes":1,"last_id":null},[{"a":1,"b":"x"},{"a":9,"b":"x"}]]}', g:get("/atomic").body)
    server:sql "alter table changing drop b"
    assert.equal('{"x":[{"changes":1,"last_id":null},[{"a":1},{"a":9},{"a":9}]]}', g:get("/atomic").body)
    server:sql "create function forget() returns int language plpgsql as $$ begin deallocate all; return 1; end $$"
    local f = server:serve([[
      gate.get("/forget", { calls = { x = crm:one "select forget() as n" } })
      gate.get("/", { calls = { x = crm:query "select * from changing" } })]], { at_once = 1 })
    assert.equal('{"x":[{"a":1},{"a":9},{"a":9}]}', f:get("/").body)
    f:get "/forget"
    assert.equal('{"x":[{"a":1},{"a":9},{"a":9}]}', f:get("/").body)
    assert.equal('{"x":[{"a":1},{"a":9},{"a":9}]}', f:get("/").body)
  end)

  it("fails as too_large one byte above the limit, and goes on", function()
    local body = '[{"v":"' .. ("x"):rep(500) .. '"}]'
    for _, case in ipairs { { #body, '["none","",200]' }, { #body - 1, '["too_large","more than ' .. #body - 1 .. ' bytes",0]' } } do
      assert.equal(case[2], answer([[
        local r = crm:query("select repeat('x', 500) as v", { optional = true }):wait()
        local after = crm:one("select 1 as n"):wait()
        return { r.error and r.error.kind or "none", r.error and r.error.message or "", r.status or 0 }]], { at_once = 1 },
        { limits = { result = case[1] .. "B", results = "1MiB" } }))
    end
    local out = answer([[
      local kinds = {}
      for i, sql in ipairs { "select repeat('x', 100) from generate_series(1, 1000000)", "select repeat('x', 20000000) as v" } do
        for k, verb in ipairs { "query", "one", "run" } do
          local r = crm[verb](crm, sql, { optional = true }):wait()
          kinds[#kinds + 1] = r.error and r.error.kind or "none"
        end
      end
      kinds[#kinds + 1] = crm:one("select 1 as n"):wait().body.n
      return kinds]], { at_once = 1 }, { limits = { result = "64KiB", within = "30s" } })
    assert.equal('["too_large","too_large","too_large","too_large","too_large","too_large",1]', out)
  end)

  it("keeps no memory of a row that was too large", function()
    local g = server:serve([[
      gate.get("/", { within = "60s", calls = { x = crm:one("select repeat('x', 60000000) as v", { optional = true }) } })]],
      { at_once = 1 }, { limits = { result = "1MiB" } })
    local before = g:rss()
    if postgres.slow then
      print "  (its memory is not looked at, since a sanitizer keeps what was freed)"
    end
    for _ = 1, postgres.slow and 1 or 4 do -- whether it comes in pieces or at once
      assert.equal('{"x":null}', g:get("/").body)
      if not postgres.slow then
        assert.truthy(wait.till(function() return g:rss() < before + 30000 end), g:rss() - before .. " KiB more")
      end
    end
  end)

  it("gives 1,000 requests at once on 8 connections each its own row", function()
    local most = postgres.slow and 200 or 1000
    if most < 1000 then
      print(("  (%d requests, since a sanitizer is at work)"):format(most))
    end
    for workers, count in ipairs { 200, most } do
      local g = server:serve([[gate.get("/{id}", { calls = { x = crm:one(
        "select $1::int as id, pg_backend_pid() as pid", "{id}") }, reply = { "{x.body.id}", "{x.body.pid}" } })]],
        { at_once = 8 }, { workers = workers })
      g:get "/0"
      local pids = {}
      wait.at_once(count, function(i)
        local reply = g:get("/" .. i)
        while reply.status == 503 do -- the expected wait was beyond 100 ms: the machine has other work
          wait.sleep(50)
          reply = g:get("/" .. i)
        end
        assert.equal(200, reply.status, reply.body)
        local got = reply:json()
        assert.equal(i, got[1])
        pids[got[2]] = true
      end)
      local n = 0
      for _ in pairs(pids) do
        n = n + 1
      end
      assert.is_true(n >= 1 and n <= 8, n .. " connections")
      g:stop()
    end
  end)

  it("never has more connections than at_once, for two workers together", function()
    local g = server:serve([[gate.get("/{id}", { calls = { x = crm:one("select $1 as id, pg_sleep(0.02)::text", "{id}", { optional = true }) } })]],
      { at_once = 3 }, { workers = 2 })
    assert.truthy(wait.till(function() return server:count() == 0 end, 10000)) -- of gateways before
    local most, over = 0, false
    wait.at_once {
      function()
        for _ = 1, 20 do
          most = math.max(most, server:count())
        end
        over = true
      end,
      function()
        repeat
          local conns = {}
          for i = 1, 10 do
            conns[i] = g:connect()
            conns[i]:send(http.request("/" .. i))
          end
          for i = 1, 10 do
            local reply = conns[i]:read()
            assert.equal(200, reply.status)
            conns[i]:close()
          end
        until over
      end,
    }
    assert.is_true(most >= 1 and most <= 3, most .. " connections")
  end)

  it("speaks over a unix socket, and with a password that nobody sees", function()
    assert.equal('{"a":1}', answer([[return crm:one("select 1 as a"):wait().body]], { url = server:socket_url() }))
    server:sql "set password_encryption = 'scram-sha-256'; create role locked login password 'sesam öffne/dich@?'"
    local url = server:url { user = "locked:sesam%20%C3%B6ffne%2Fdich%40%3F" }
    assert.equal('{"u":"locked"}', answer([[return crm:one("select current_user as u"):wait().body]], { url = url }))
    local wrong = server:url { user = "locked:wr0ngw0rd" }
    local g = server:serve([[gate.get("/", { calls = { x = crm:one "select 1" } })]], { url = wrong })
    local reply = g:get "/"
    assert.equal(502, reply.status)
    assert.matches('"kind":"refused"', reply.body)
    assert.is_nil(reply.body:find "password")
    assert.truthy(wait.till(function() return g:log():find("password authentication failed", 1, true) end))
    assert.is_nil(g:log():find "wr0ngw0rd")
    for _, command in ipairs { "check", "routes" } do
      local _, out, err = gateway.run(command, g.dir)
      assert.is_nil((out .. err):find "wr0ngw0rd")
    end
  end)

  it("speaks TLS where the server does, and where the URL demands it", function()
    local ask = [[return crm:one("select ssl from pg_stat_ssl where pid = pg_backend_pid()", { optional = true }):wait().body or "none"]]
    local required = { url = server:url { query = "sslmode=require" } }
    assert.equal("none", answer(ask, required))
    assert.equal('{"ssl":false}', answer(ask))
    assert(server:psql("postgres", "alter system set ssl = on"))
    assert(server:psql("postgres", "select pg_reload_conf()"))
    assert.truthy(wait.till(function() return answer(ask) == '{"ssl":true}' end, 10000))
    assert.equal('{"ssl":true}', answer(ask, required))
    assert.equal("none", answer(ask, { url = server:url { query = "sslmode=verify-full&sslrootcert=/none" } }))
    -- Long results, whose bytes TLS may hold back from the socket.
    assert.equal("[3000000,300000]", answer([[
      local one = crm:one("select repeat('x', 3000000) as v"):wait().body.v
      local rows = crm:query("select repeat('y', 100) as v from generate_series(1, 3000)"):wait().body
      local size = 0
      for _, r in ipairs(rows) do size = size + #r.v end
      return { #one, size }]], required))
    assert(server:psql("postgres", "alter system reset ssl"))
    assert(server:psql("postgres", "select pg_reload_conf()"))
  end)

  it("is shown by moongate routes with what it runs", function()
    local g = gateway.folder { ["gateway.lua"] = { databases = { crm = server:url { user = "app:hunter2" } } }, ["r.lua"] = [[
      local gate = require "moongate"
      local crm = gate.database "crm"
      gate.post("/{id}", { calls = { pay = crm:atomic { crm:run("delete from a\n where id = $1", "{id}"), crm:one "select 1" } } })]] }
    local code, out = gateway.run("routes", g)
    assert.equal(0, code)
    assert.matches("crm atomic run delete from a where id = $1; one select 1", out, 1, true)
    assert.is_nil(out:find "hunter2")
  end)

  it("looks names up by itself", function()
    local url = server:url():gsub("127%.0%.0%.1", "localhost")
    -- "::1" may be the first of its addresses, where nobody listens.
    assert.equal('{"a":1}', answer([[return crm:one("select 1 as a"):wait().body]], { url = url }))
    assert.matches("dns", failure([[crm:one("select 1", { optional = true })]],
      { url = "postgres://app@no-such-name.invalid/x" }))
  end)
end)
