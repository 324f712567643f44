local support = require "lua.support"

local GATEWAY = [==[
local port = { 8080, listen = 3 } -- not what is returned
--[[ neither is this: services = { users
]]
local function address() return { services = 1 } end
return {
  listen = "127.0.0.1:" .. port[1], -- services = {
  services = {
    users  = "http://127.0.0.1:9001",
    orders = { url = [[http://127.0.0.1:9002]],
      within = "150ms", headers = {
        ["x-tenant"] = "}",
        ['x.y']      = "{", ["x.y.z"] =
          "a" } },
  },
  hook = function(a) local b, c = a, 1 if b then return b, c end for i = 1, 2 do a = i end
    repeat a = a - 1, 2 until a < 0 return { limits = 1 } end,
  trusted = { "10.0.0.0/8",
    "10.0.0.1/33", },
  limits = { [
    "body"] = 1; depth = 3 },
}
]==]

local ROUTES = [==[
local gate = require "moongate"
gate.get("/account/{id}", {
  within = "200ms",
  calls  = {
    profile = users:get("/users/{id}", { relay = { 404 },
      query = {
        user = "{id}" } }),
    first = users:get "/a", second = users:get("/b", { needs = "first",
      witin = 3 }),
  },
  reply = {
    list = { 1,
      2, { x = 1,
        y = 2 } },
  },
})
gate.get("/y",
  {
    within = 3,
  })
]==]

describe("the line of a key", function()
  local lines, tokens

  before_each(function()
    support.fresh()
    lines, tokens = require "moongate.lines", require "moongate.tokens"
  end)

  it("is found in the table that a file returns", function()
    for path, line in pairs {
      ["listen"] = 6, ["services"] = 7, ["services.users"] = 8, ["services.orders.within"] = 10,
      ["services.orders.headers.x-tenant"] = 11, ["services.orders.headers.x.y"] = 12,
      ["services.orders.headers.x.y.z"] = 12, ["trusted[2]"] = 18, ["limits"] = 19,
      ["limits.depth"] = 20,
    } do
      assert.equal(line, lines.of_return(GATEWAY, path), path)
    end
  end)

  it("is that of the nearest table around it if it is not spelt out", function()
    assert.equal(9, lines.of_return(GATEWAY, "services.orders.at_once"))
    assert.equal(5, lines.of_return(GATEWAY, "unknown.key"))
    assert.equal(1, lines.of_return("local x = 3", "services"))
    assert.equal(1, lines.of_return("", "services"))
  end)

  it("is found where the table has a name", function()
    local text = "local t = {\n  a = 1,\n  b = { c = 2 },\n}\nreturn t\n"
    assert.equal(3, lines.of_return(text, "b.c"))
    assert.equal(5, lines.of_return(text, "x"))
  end)

  it("is found in the arguments of the call that begins on a line", function()
    for _, case in ipairs {
      { 2, "within", 3 }, { 2, "calls.profile", 5 }, { 2, "calls.profile.query.user", 7 },
      { 5, "query.user", 7 }, { 8, "witin", 9 }, { 2, "calls.second.witin", 9 },
      { 2, "reply.list[2]", 13 }, { 2, "reply.list.2", 13 }, { 2, "reply.list[3].y", 14 },
      { 2, "calls.profile.path", 5 }, { 17, "within", 19 }, { 2, "unknown", 2 }, { 99, "within", 99 },
    } do
      assert.equal(case[3], lines.of_key(ROUTES, case[1], case[2]), case[1] .. " " .. case[2])
    end
  end)

  it("survives any text", function()
    math.randomseed(7)
    local sources = { GATEWAY, ROUTES, "return { [", "return { a = [[", "x = '\\", "{{{", "\0\255", "#!" }
    for _ = 1, 500 do
      local text = sources[math.random(#sources)]
      local at = math.random(#text)
      local cut = text:sub(1, at) .. string.char(math.random(0, 255)) .. text:sub(at + math.random(0, 9))
      local line = lines.of_return(cut, "services.orders.headers.x-tenant")
      assert.is_true(line >= 1 and line <= #cut + 1)
      assert.is_number(lines.of_key(cut, math.random(25), "calls.profile.query.user"))
    end
  end)

  it("rests on tokens as Lua cuts them", function()
    local texts = {}
    for _, token in ipairs(tokens.cut [===[#!/x
a.b = 0x1F + 1e-3..'q\'\65\n' -- c
::l:: [==[
]]x]==] ~= ...]===]) do
      texts[#texts + 1] = token.kind:sub(1, 1) .. ":" .. token.text .. ":" .. token.line
    end
    assert.same({ "n:a:2", "o:.:2", "n:b:2", "o:=:2", "n:0x1F:2", "o:+:2", "n:1e-3:2", "o:..:2",
      "s:q'A\n:2", "o::::3", "n:l:3", "o::::3", "s:\n]]x:3", "o:~=:4", "o:...:4" }, texts)
  end)
end)
