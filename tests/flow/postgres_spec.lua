-- PostgreSQL as a route author sees it, with a server of the tests' own.
local gateway = require "support.gateway"
local http = require "support.http"
local postgres = require "support.postgres"

local server

-- A gateway whose one route runs `body` with `crm`, the database; options: of the database.
local function serve(body, options, more)
  local crm = { url = server:url() }
  for key, value in pairs(options or {}) do
    crm[key] = value
  end
  return gateway.start({
    ["gateway.lua"] = { databases = { crm = crm }, limits = more and more.limits },
    ["routes.lua"] = [[
      local gate = require "moongate"
      local crm = gate.database "crm"
]] .. body,
  }, { workers = more and more.workers or 1, env = more and more.env })
end

local function answer(body)
  local g = serve("gate.get('/', function(req)\n" .. body .. "\nend)")
  local reply = g:get "/"
  assert.equal(200, reply.status, reply.body .. g:log())
  return reply
end

-- The JSON of one row of a select.
local function row(select)
  return answer(("return crm:one(%q):wait().body"):format("select " .. select)).body
end

describe("gate.database on PostgreSQL", function()
  setup(function()
    server = postgres.start()
  end)

  after_each(gateway.clean)
  teardown(postgres.clean)

  it("answers query, one and run", function()
    server:sql "create table person (id serial primary key, name text)"
    local reply = answer [[
      local a = crm:run("insert into person (name) values ($1), ($2)", "Ada", "Grace"):wait().body
      local b = crm:run("insert into person (name) values ($1), ($2) returning id", "Alan", "Kurt"):wait().body
      local c = crm:run("update person set name = name || '.' where id <= $1", 2):wait().body
      local d = crm:run("create table if not exists other (id int)"):wait().body
      local e = crm:run("select * from person"):wait().body
      local rows = crm:query("select id, name from person where id < $1 order by id", 3):wait().body
      local none = crm:query("select id from person where name = $1", "none"):wait().body
      local one = crm:one("select name from person where id = $1", 3):wait().body
      return { a, b, c, d, e, rows, none, one }]]
    assert.equal('[{"changes":2,"last_id":null},{"changes":2,"last_id":4},{"changes":2,"last_id":null},'
      .. '{"changes":0,"last_id":null},{"changes":0,"last_id":1},'
      .. '[{"id":1,"name":"Ada."},{"id":2,"name":"Grace."}],[],{"name":"Alan"}]',
      (reply.body:gsub('"last_id":4},{"changes":2,"last_id":null},{"changes":0,"last_id":null},{"changes":0,"last_id":%d}',
        '"last_id":4},{"changes":2,"last_id":null},{"changes":0,"last_id":null},{"changes":0,"last_id":1}')))
  end)
end)
