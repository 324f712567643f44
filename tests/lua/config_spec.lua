local dkjson = require "dkjson"
local support = require "lua.support"

describe("gateway.lua", function()
  local boot

  before_each(function()
    boot = support.fresh()
  end)

  after_each(support.restore)

  local function config(text, env)
    local json, problems = boot.config(text, "gateway.lua", function(name)
      return (env or {})[name]
    end)
    return json and dkjson.decode(json), support.printed(problems)
  end

  it("may be empty: every setting has a default", function()
    local read = config "return {}"
    assert.same({ "127.0.0.1:8080" }, read.listen)
    assert.equal(0, read.workers)
    assert.same({ {}, {}, {}, {} }, { read.services, read.databases, read.files, read.trusted })
    assert.equal(1048576, read.limits.body)
    assert.equal(10000, read.limits.within)
  end)

  it("has each Redis with its bounds", function()
    local read = config [[
      return {
        redis  = { store = { url = "redis://:x@h:1/2", within = "50ms", connect = "20ms", at_once = 9 },
                   cache = "redis+unix:///run/redis.sock" },
        limits = { connect = "2s", redis_at_once = 77 },
      }]]
    assert.same({
      { name = "cache", url = "redis+unix:///run/redis.sock", connect = 2000, at_once = 77 },
      { name = "store", url = "redis://:x@h:1/2", within = 50, connect = 20, at_once = 9 },
    }, read.redis)
    assert.same({}, config("return {}").redis)
  end)

  it("is read whole, with backends sorted by name", function()
    local read, problems = config [[
      return {
        listen    = { "127.0.0.1:0", "[::1]:8080" },
        workers   = 4,
        services  = {
          users  = "http://127.0.0.1:9001",
          orders = { url = { "http://127.0.0.1:9002", "http://127.0.0.1:9003" }, within = "150ms",
                     at_once = 200, waiting = 10, connect = "50ms", path = "libcurl", share = true,
                     headers = { ["x-tenant"] = "{headers.x-tenant}" } },
        },
        databases = { shop = "sqlite:shop.db", log = { url = "sqlite:log.db", readers = 2 } },
        files     = { pages = "./pages" },
        limits    = { body = "4MiB", idle = "5s", connections = 100, connect = "2s",
                      service_at_once = 64, service_waiting = 128, sqlite_readers = 3 },
        trusted   = { "10.0.0.0/8" },
      }]]
    assert.same({}, problems)
    assert.same({ "127.0.0.1:0", "[::1]:8080" }, read.listen)
    assert.same({
      { name = "orders", urls = { "http://127.0.0.1:9002", "http://127.0.0.1:9003" }, within = 150,
        at_once = 200, waiting = 10, connect = 50, path = "libcurl", share = true,
        headers = { ["x-tenant"] = "{headers.x-tenant}" } },
      { name = "users", urls = { "http://127.0.0.1:9001" }, at_once = 64, waiting = 128, connect = 2000 },
    }, read.services)
    assert.same({ { name = "log", path = "log.db", readers = 2 },
      { name = "shop", path = "shop.db", readers = 3 } }, read.databases)
    assert.same({ { name = "pages", path = "./pages" } }, read.files)
    assert.same({ "10.0.0.0/8" }, read.trusted)
    assert.same({ 4194304, 5000, 100 },
      { read.limits.body, read.limits.idle, read.limits.connections })
  end)

  it("knows a PostgreSQL database by its URL", function()
    local read, problems = config [[
      return {
        databases = {
          shop = "sqlite:shop.db",
          crm  = { url = "postgres://app:p%40ss@db.example.com:6432/crm?sslmode=verify-full", at_once = 8,
                   waiting = 0, connect = "200ms" },
          log  = "postgresql://127.0.0.1/log",
          unix = "postgres://%2Frun%2Fpostgresql/x",
          six  = "postgres://[::1]:5432",
        },
        limits = { postgres_at_once = 3, postgres_waiting = 7 },
      }]]
    assert.same({}, problems)
    assert.same({
      { name = "crm", url = "postgres://app:p%40ss@db.example.com:6432/crm?sslmode=verify-full",
        at_once = 8, waiting = 0, connect = 200 },
      { name = "log", url = "postgresql://127.0.0.1/log", at_once = 3, waiting = 7, connect = 1000 },
      { name = "shop", path = "shop.db", readers = 4 },
      { name = "six", url = "postgres://[::1]:5432", at_once = 3, waiting = 7, connect = 1000 },
      { name = "unix", url = "postgres://%2Frun%2Fpostgresql/x", at_once = 3, waiting = 7, connect = 1000 },
    }, read.databases)
  end)

  it("never shows the password of a database", function()
    for _, url in ipairs { "postgres:app:hunter2@h/x", "postgres://app:hunter2@@h/x", "postgres://app:hunter2",
      "postgres://app:hunter2?x@h/db", "postgres://app:hunter2/@h/db", "postgres://app:hunter2@h/db?x",
      "postgres://app:hunter2@h/db?y=hunter2", "postgres://app@h/db?password=a b hunter2",
      "postgres://a:hunter2%zz@h/db", "postgres://a:hunter2@h:x/db" } do
      local read, problems = config(("return { databases = { crm = %q } }"):format(url))
      assert.is_nil(read, url)
      assert.equal(1, #problems)
      assert.is_nil(problems[1]:find "hunter2", problems[1])
    end
  end)

  it("gives the same bytes for the same settings", function()
    local text = [[return { services = { b = "http://b", a = "http://a" }, files = { x = "x", w = "w" } }]]
    local first = boot.config(text, "gateway.lua", os.getenv)
    for _ = 1, 20 do
      local again = support.fresh()
      assert.equal(first, again.config(text, "gateway.lua", os.getenv))
    end
  end)

  it("reads the environment, with a default or an error", function()
    local text = [[return { listen = env("LISTEN", "127.0.0.1:1"), services = { users = env "USERS" } }]]
    local read = config(text, { USERS = "http://127.0.0.1:2" })
    assert.same({ "127.0.0.1:1" }, read.listen)
    read = config(text, { USERS = "http://127.0.0.1:2", LISTEN = "127.0.0.1:3" })
    assert.same({ "127.0.0.1:3" }, read.listen)
    local _, problems = config(text)
    assert.same({ 'gateway.lua:1: "USERS" is not in the environment, and env("USERS") has no default' },
      problems)
    assert.same({ "127.0.0.1:8080" }, (config [[return { listen = env("LISTEN", nil) }]]).listen)
  end)

  it("takes every limit at its least and its most, and nothing beyond", function()
    local limits = require "moongate.limits"
    for _, one in ipairs(limits.all) do
      for value, fine in pairs { [one.min - 1] = false, [one.min] = true, [one.max] = true,
                                 [one.max + 1] = false } do
        local unit = ({ duration = "ms", size = "B" })[one.unit]
        local written = unit and ('"%d%s"'):format(value, unit) or ("%d"):format(value)
        local read = config(("return { limits = { %s = %s } }"):format(one.name, written))
        assert.equal(fine and value or nil, read and read.limits[one.name], one.name .. " " .. written)
      end
      assert.is_true(one.auto or one.default >= one.min and one.default <= one.max, one.name)
    end
    assert.equal(0, config([[return { limits = { connections = "auto" } }]]).limits.connections)
  end)

  it("shows its limits as it would write them", function()
    config [[return { limits = { body = "4MiB" } }]]
    local shown = {}
    for _, one in ipairs(boot.limits()) do
      shown[one.name] = one.value .. " of " .. one.default
      assert.is_true(#one.what > 10)
    end
    assert.equal("4MiB of 1MiB", shown.body)
    assert.equal("10s of 10s", shown.within)
    assert.equal("auto of auto", shown.connections)
    assert.equal("100 of 100", shown.headers)
  end)

  it("has no way out of its sandbox", function()
    for _, name in ipairs { "require", "io", "os", "debug", "load", "loadstring", "setfenv", "getfenv",
                            "dofile", "package", "ffi", "jit", "print", "rawset", "setmetatable" } do
      local read = config(("return { listen = %s and 'x' }"):format(name))
      assert.same({ "127.0.0.1:8080" }, read and read.listen or { name }, name)
    end
  end)
end)
