local core = require "support.core"
local C = core.cdef "route/router.h"
local ffi = require "ffi"

local GET, POST, PUT, ANY = 0, 1, 2, tonumber(C.MG_ROUTE_ANY_METHOD)

-- A router over { path, id, method =, host = }. Adding must succeed.
local function router_of(routes)
  local arena = core.arena()
  local router = { arena = arena, raw = C.mg_router_new(arena), keep = {} }
  function router.add(path, id, method, host)
    local error_, other = ffi.new "struct mg_str", ffi.new "int[1]"
    local done = C.mg_router_add(router.raw, core.str(host or ""), method or GET, core.str(path), id,
      error_, other)
    return done, core.text(error_), other[0]
  end
  function router.find(path, method, host)
    local match, scratch = ffi.new "struct mg_route_match", core.arena()
    local path_str = core.str(path)
    local host_str = core.str(host or "")
    C.mg_router_find(router.raw, scratch, host_str, method or GET, path_str, match)
    local params = {}
    for i = 0, match.count - 1 do
      params[core.text(match.names[i])] = core.text(match.values[i])
    end
    return match.id >= 0 and match.id or nil, params, match.methods
  end
  for _, route in ipairs(routes or {}) do
    local done, why = router.add(route[1], route[2], route.method, route.host)
    assert(done, why)
  end
  return router
end

describe("a look-up", function()
  it("finds literal segments, names and the rest, and tells their values", function()
    local router = router_of { { "/", 1 }, { "/users", 2 }, { "/users/{id}", 3 },
                               { "/users/{id}/orders/{order}", 4 }, { "/old/{rest...}", 5 } }
    local function found(path)
      return { router.find(path) }
    end
    assert.same({ 1, {}, 0 }, found "/")
    assert.same({ 2, {}, 0 }, found "/users")
    assert.same({ 3, { id = "42" }, 0 }, found "/users/42")
    assert.same({ 4, { id = "42", order = "7" }, 0 }, found "/users/42/orders/7")
    assert.same({ 5, { rest = "a/b/c" }, 0 }, found "/old/a/b/c")
    assert.same({ 5, { rest = "" }, 0 }, found "/old/")
    for _, path in ipairs { "/old", "/users/", "/users//", "//", "/nobody", "/users/42/orders",
      "/Users", "", "x", "*",
                            "/users/42/orders/7/8" } do
      assert.same({ nil, {}, 0 }, found(path), path)
    end
  end)

  it("takes an exact segment before a name, a name before a rest, and can turn back", function()
    local router = router_of { { "/a/{x}/c", 1 }, { "/a/b/d", 2 }, { "/{rest...}", 3 },
      { "/a/{rest...}", 4 },
                               { "/a/b/{y}/e", 5 } }
    for path, id in pairs {
      ["/a/b/c"] = 1, ["/a/b/d"] = 2, ["/a/z/c"] = 1, ["/a/z/d"] = 4, ["/a"] = 3, ["/a/b/d/e"] = 5,
      ["/a/b/d/f"] = 4, ["/z"] = 3, ["/"] = 3, ["/a/b/c/d"] = 4,
    } do
      assert.equal(id, (router.find(path)), path)
    end
    local _, params = router.find "/a/b/c"
    assert.same({ x = "b" }, params)
    _, params = router.find "/a/b/d/f"
    assert.same({ rest = "b/d/f" }, params)
  end)

  it("tells a trailing slash apart", function()
    local router = router_of { { "/a", 1 }, { "/a/", 2 }, { "/{x}/", 3 } }
    assert.same({ 1, 2, 3 }, { (router.find "/a"), (router.find "/a/"), (router.find "/b/") })
    assert.is_nil((router.find "/b"))
  end)

  it("matches after decoding, segment by segment", function()
    local router = router_of { { "/caf\195\169/{x}", 1 }, { "/a%2Fb", 2 }, { "/100%25", 3 },
      { "/r/{rest...}", 4 } }
    assert.same({ 1, { x = "a/b ?" }, 0 }, { router.find "/caf%C3%a9/a%2fb%20%3F" })
    assert.equal(2, (router.find "/a%2Fb"))
    assert.is_nil((router.find "/a/b"))
    assert.equal(3, (router.find "/100%25"))
    assert.same({ 4, { rest = "x y/z" }, 0 }, { router.find "/r/x%20y/z" })
    for _, path in ipairs { "/caf%C3%A9/%", "/caf%C3%A9/%4", "/caf%C3%A9/%zz", "/caf%C3%A9/a%00",
      "/r/%00", "/r/a/%G0" } do
      assert.same({ nil, {}, 0 }, { router.find(path) }, path)
    end
  end)

  it("knows the methods of a path that has not the one asked for", function()
    local router = router_of { { "/a", 1, method = GET }, { "/a", 2, method = POST },
      { "/{x}", 3, method = PUT } }
    assert.same({ nil, {}, 2 ^ GET + 2 ^ POST + 2 ^ PUT }, { router.find("/a", 7) })
    assert.same({ nil, {}, 2 ^ PUT }, { router.find("/b", GET) })
    assert.same({ nil, {}, 0 }, { router.find("/b/c", GET) })
  end)

  it("goes on to a less exact pattern that has the method", function()
    local router = router_of { { "/users/me", 1, method = GET }, { "/users/{id}", 2, method = POST } }
    assert.same({ 2, { id = "me" }, 0 }, { router.find("/users/me", POST) })
    assert.equal(1, (router.find("/users/me", GET)))
  end)

  it("takes a route of the method before one of any", function()
    local router = router_of { { "/a", 1, method = ANY }, { "/a", 2, method = GET },
      { "/b", 3, method = GET },
                               { "/b", 4, method = ANY } }
    assert.same({ 2, 1, 3, 4 },
      { (router.find("/a", GET)), (router.find("/a", POST)), (router.find("/b", GET)),
                                  (router.find("/b", 30)) })
  end)

  it("takes an exact host before a pattern of one, and that before none", function()
    local router = router_of {
      { "/x", 1 }, { "/x", 2, host = "{tenant}.example.com" }, { "/x", 3, host = "API.example.com" },
      { "/y/{z}", 4, host = "{a}.{b}.example.org" }, { "/only", 5 },
      { "/y/{z}", 6, host = "s.{c}.example.org" } }
    local function found(path, host)
      return { (router.find(path, GET, host)), (select(2, router.find(path, GET, host))) }
    end
    assert.same({ 3, {} }, found("/x", "api.example.com"))
    assert.same({ 2, { tenant = "shop" } }, found("/x", "shop.example.com"))
    for _, host in ipairs { "example.com", "a.b.example.com", ".example.com", "", "example.com.",
      "localhost", "..." } do
      assert.same({ 1, {} }, found("/x", host), host)
    end
    assert.same({ 5, {} }, found("/only", "api.example.com"))
    assert.same({ 4, { a = "l", b = "r", z = "7" } }, found("/y/7", "l.r.example.org"))
    assert.same({ 6, { c = "r", z = "7" } }, found("/y/7", "s.r.example.org"))
    assert.same({ nil, {} }, found("/y/7", "r.example.org"))
  end)

  it("writes a brace for a doubled one", function()
    local router = router_of { { "/{{id}/x", 1 }, { "/a{{b", 2 } }
    assert.same({ 1, 2 }, { (router.find "/{id}/x"), (router.find "/a%7Bb") })
    assert.is_nil((router.find "/7/x"))
  end)

  it("binds sixteen parameters", function()
    local path, asked = "", ""
    for i = 1, 15 do
      path, asked = path .. "/{p" .. i .. "}", asked .. "/" .. i
    end
    local router = router_of { { path .. "/x/{rest...}", 1 }, { path .. "/{p}/y", 2 } }
    local id, params = router.find(asked .. "/x/y")
    assert.same({ 1, "15", "y" }, { id, params.p15, params.rest })
    id, params = router.find(asked .. "/z/y")
    assert.same({ 2, "z" }, { id, params.p })
    assert.is_nil((router.find(asked .. "/z/y/z")))
  end)

  it("finds each of 10,000 routes, and takes about as long as with ten", function()
    local function time(count)
      local router = router_of()
      for i = 1, count do
        assert(router.add("/service" .. i .. "/items/{id}", i))
      end
      for i = 1, count, math.max(1, math.floor(count / 500)) do
        assert.same({ i, { id = "a" } }, { (router.find("/service" .. i .. "/items/a")),
                                           (select(2, router.find("/service" .. i .. "/items/a"))) })
      end
      local match, path, host = ffi.new "struct mg_route_match", core.str "/service7/items/a", core.str ""
      local best = math.huge
      for _ = 1, 5 do
        local scratch, from = core.arena(), os.clock()
        for _ = 1, 20000 do
          C.mg_router_find(router.raw, scratch, host, GET, path, match)
        end
        best = math.min(best, os.clock() - from)
      end
      return best
    end
    local ten, many = time(10), time(10000)
    assert.is_true(many < ten * 20, ("10 routes %.4f s, 10,000 routes %.4f s"):format(ten, many))
  end)
end)

describe("a pattern", function()
  it("meets one that matches equally well, which is named", function()
    for _, pair in ipairs {
      { { "/a", 7 }, { "/a", 8 } },
      { { "/a/{x}", 7 }, { "/a/{y}", 8 } },
      { { "/a/{x...}", 7 }, { "/a/{y...}", 8 } },
      { { "/a/%62", 7 }, { "/a/b", 8 } },
      { { "/a", 7, ANY }, { "/a", 8, ANY } },
      { { "/a", 7, GET, "{t}.example.com" }, { "/a", 8, GET, "{u}.Example.com" } },
    } do
      local router = router_of()
      assert.is_true((router.add(unpack(pair[1]))))
      assert.same({ false, "another route answers the same requests", 7 }, { router.add(unpack(pair[2])) })
    end
  end)

  it("does not meet one of another method, shape or host", function()
    local router = router_of { { "/a/{x}", 1 } }
    assert.is_true((router.add("/a/{y}", 2, POST)))
    assert.is_true((router.add("/a/{y}", 3, ANY)))
    assert.is_true((router.add("/a/{y}/", 4)))
    assert.is_true((router.add("/a/{y...}", 5)))
    assert.is_true((router.add("/a/b", 6)))
    assert.is_true((router.add("/a/{x}", 7, GET, "example.com")))
    assert.same({ 2, { y = "1" }, 0 }, { router.find("/a/1", POST) })
  end)

  it("that is wrong is refused with what is wrong", function()
    local router = router_of()
    for path, why in pairs {
      [""] = "does not start with /", ["a"] = "does not start with /", ["/a//b"] = "empty segment",
      ["//"] = "empty segment",
      ["/{}"] = "parameter without a name", ["/{...}"] = "parameter without a name",
      ["/{1a}"] = "no name for a parameter",
      ["/{a-b}"] = "no name for a parameter", ["/{a b}"] = "no name for a parameter",
      ["/{a..}"] = "no name for a parameter",
      ["/{rest...}/a"] = "not the last segment", ["/{a"] = "{ without a }", ["/a}"] = "} without a {",
      ["/{{a}}"] = "} without a {", ["/a{b}"] = "mixes text and a parameter",
      ["/{a}b"] = "mixes text and a parameter",
      ["/{a}{b}"] = "mixes text and a parameter", ["/{a}/{a}"] = '"a" comes twice',
      ["/{a}/{a...}"] = '"a" comes twice',
      ["/100%"] = "broken percent escape", ["/%00"] = "broken percent escape",
      ["/a?b"] = "a pattern is the path alone",
      ["/a#b"] = "a pattern is the path alone", ["/a\nb"] = "a pattern is the path alone",
      [("/{%s}"):rep(17):format(unpack { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l",
        "m", "n", "o", "p", "q" })] =
        "more than 16 parameters",
      [("/a"):rep(65)] = "more than 64 segments",
    } do
      local done, message, other = router.add(path, 1)
      assert.same({ false, -1 }, { done, other }, path)
      assert.truthy(message:find(why, 1, true), path .. ": " .. message)
    end
    for host, why in pairs {
      ["a..b"] = "is no host", [".a"] = "is no host", ["a:80"] = "is no host",
      ["{t}a.b"] = "mixes text and a parameter",
      ["{rest...}.com"] = "cannot have a {rest...}", ["{t}.{t}"] = '"t" comes twice',
      ["a/b"] = "is no host",
      ["{t.com"] = "{ without a }",
    } do
      local done, message = router.add("/", 1, GET, host)
      assert.is_false(done, host)
      assert.truthy(message:find(why, 1, true), host .. ": " .. message)
    end
    local done, message = router.add("/{t}", 1, GET, "{t}.com")
    assert.same({ false, 'the parameter "t" comes twice' }, { done, message })
    assert.is_nil((router.find "/"))
  end)

  it("tells the names of its parameters, the host's first", function()
    local names, error_ = ffi.new "struct mg_str[16]", ffi.new "struct mg_str"
    local arena = core.arena()
    local function named(host, path)
      local count = C.mg_router_names(arena, core.str(host), core.str(path), names, error_)
      local out = {}
      for i = 0, count - 1 do
        out[#out + 1] = core.text(names[i])
      end
      return count < 0 and core.text(error_) or out
    end
    assert.same({ "a", "b", "id", "rest" }, named("{a}.{b}.com", "/x/{id}/{rest...}"))
    assert.same({}, named("", "/x"))
    assert.same('the path "x" does not start with /', named("", "x"))
  end)
end)
