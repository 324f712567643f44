-- URLs of Redis.
local core = require "support.core"
local ffi = require "ffi"
local C = core.cdef("backend/redis_url.h")

local function parse(text)
  local arena, url, bytes = core.arena(), ffi.new "struct mg_redis_url", core.str(text)
  local wrong = C.mg_redis_url_parse(bytes, arena, url)
  if wrong ~= nil then
    return nil, ffi.string(wrong)
  end
  return { core.text(url.host) or "", url.literal, url.port, core.text(url.path) or "", core.text(url.user) or "",
    core.text(url.password) or "", url.db }
end

describe("the URL of a Redis", function()
  it("names a host, a port and a database", function()
    assert.same({ "127.0.0.1", true, 6379, "", "", "", 0 }, parse "redis://127.0.0.1")
    assert.same({ "127.0.0.1", true, 6380, "", "", "", 12 }, parse "redis://127.0.0.1:6380/12")
    assert.same({ "[::1]", true, 6379, "", "", "", 0 }, parse "redis://[::1]/")
    assert.same({ "[::1]", true, 7, "", "", "", 0 }, parse "redis://[::1]:7")
    assert.same({ "cache.internal", false, 6379, "", "", "", 1 }, parse "redis://cache.internal/1")
  end)

  it("may have a user and a password, percent-encoded", function()
    assert.same({ "h", false, 6379, "", "", "pass", 0 }, parse "redis://:pass@h")
    assert.same({ "h", false, 1, "", "ada", "p@:/ ", 2 }, parse "redis://ada:p%40:%2F%20@h:1/2")
    assert.same({ "h", false, 6379, "", "", "a@b", 0 }, parse "redis://:a@b@h")
  end)

  it("may name a socket of the file system", function()
    assert.same({ "", false, 0, "/run/redis.sock", "", "", 0 }, parse "redis+unix:///run/redis.sock")
    assert.same({ "", false, 0, "/run/re dis", "", "", 3 }, parse "redis+unix:///run/re%20dis?db=3")
  end)

  it("is refused when it is anything else, without showing it", function()
    for text, why in pairs {
      [""] = "does not start", ["http://h"] = "does not start", ["redis:h"] = "does not start", ["rediss://h"] = "does not start",
      ["redis://"] = "no host", ["redis:///0"] = "no host", ["redis://h:0"] = "port", ["redis://h:65536"] = "port",
      ["redis://h:x"] = "port", ["redis://h/x"] = "database", ["redis://h/-1"] = "database", ["redis://h/1000001"] = "database",
      ["redis://h/0/"] = "database", ["redis://user@h"] = "without a password", ["redis://:%zz@h"] = "escape",
      ["redis://:%00@h"] = "escape", ["redis://h?x"] = "byte", ["redis://h#x"] = "byte", ["redis://1.2.3"] = "host",
      ["redis://a b"] = "host", ["redis://h\0"] = "no URL", ["redis+unix://x"] = "absolute", ["redis+unix://"] = "absolute",
      ["redis+unix:///x?y=1"] = "db=", ["redis+unix:///x?db="] = "db=", ["redis+unix:///x?db=y"] = "database",
      ["redis+unix:///" .. ("x"):rep(107)] = "too long",
    } do
      local url, wrong = parse(text)
      assert.is_nil(url, text)
      assert.is_truthy(wrong:find(why, 1, true), text .. ": " .. wrong)
    end
    assert.is_nil(select(2, parse "redis://:secret@h:x"):find "secret")
  end)
end)
