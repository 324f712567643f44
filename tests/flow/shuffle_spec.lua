-- The order in which answers arrive never shows in the reply: the same request, a thousand times,
-- with each call's latency drawn anew.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local places = require "support.places"
local wait = require "support.wait"

local RUNS = places.sanitize == "" and 1000 or 200
local AT_ONCE = 25

local calls = {}
for _, name in ipairs { "ant", "bee", "cat", "dog", "eel", "fox" } do
  calls[#calls + 1] = ([[%s = users:get "/delay/{query.%s}/ok?body={query.body_%s}"]])
    :format(name, name, name)
end

local routes = [[
local gate = require "moongate"
local users = gate.service "users"
local calls = {
  ]] .. table.concat(calls, ",\n  ") .. [[,
  gone = users:get("/delay/{query.gone}/status/500", { optional = true }),
  here = users:get("/delay/{query.here}/status/503", { fallback = { "fallen back" } }),
  next = users:get "/delay/{query.next}/id/{fox.body.z}-{ant.body.z}",
}
gate.get("/merged", { calls = calls })
gate.get("/template", { calls = calls, reply = {
  z = "{ant.body}", y = "{bee.body}", a = { "{cat.body}", "{dog.body.z}" }, s = "{eel.body.z}+{fox.body.z}",
  gone = "{gone.body}", here = "{here.body}", next = "{next.body.id}",
} })
gate.get("/reply", { calls = calls, reply = function(_, got)
  local out = {}
  for name, result in pairs(got) do
    out[name] = result.body or gate.null
  end
  return out
end })
gate.get("/function", function(req)
  local all = {}
  for _, name in ipairs { "fox", "ant", "dog", "bee", "eel", "cat", "gone" } do
    all[name] = users:get("/delay/{ms}/status/{status}", { optional = true,
      params = { ms = req.query[name], status = name < "d" and "200" or "500" } })
  end
  local out = {}
  for name, result in pairs(gate.all(all)) do
    out[name] = result.body or result.error.kind
  end
  return out
end)
]]

-- A JSON body whose spacing, order and numbers would not survive being decoded and encoded.
local function body_of(name)
  return ('{ "z":"%s" ,"n" :12345678901234567890.10,"a":[1e2 , 1.0],"z2":null}'):format(name)
end

local function encoded(text)
  return (text:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function target(path, random)
  local parts = {}
  for _, name in ipairs { "ant", "bee", "cat", "dog", "eel", "fox", "gone", "here", "next" } do
    parts[#parts + 1] = name .. "=" .. random(0, 12)
    parts[#parts + 1] = "body_" .. name .. "=" .. encoded(body_of(name))
  end
  return path .. "?" .. table.concat(parts, "&")
end

-- The whole reply but for what is another one's each time.
local function essence(reply)
  local lines = { tostring(reply.status) }
  for _, field in ipairs(reply.fields) do
    if field[1] ~= "X-Request-Id" and field[1] ~= "Date" then
      lines[#lines + 1] = field[1] .. ": " .. field[2]
    end
  end
  return table.concat(lines, "\n") .. "\n\n" .. reply.body
end

describe("a thousand replies whose calls land in any order", function()
  local g, backend

  setup(function()
    backend = faultd.start()
    g = gateway.start {
      ["gateway.lua"] = { services = { users = backend.url } },
      ["routes.lua"] = routes,
    }
  end)

  teardown(function()
    gateway.clean()
    faultd.clean()
  end)

  local function run(path)
    math.randomseed(7)
    local seen, different = {}, 0
    wait.at_once(AT_ONCE, function()
      local c = g:connect()
      for _ = 1, RUNS / AT_ONCE do
        local reply = assert(c:ask(target(path, math.random)))
        local text = essence(reply)
        different = different + (seen[text] and 0 or 1)
        seen[text] = true
      end
      c:close()
    end)
    assert.equal(1, different)
    return (next(seen))
  end

  it("are the same, byte for byte: merged", function()
    local text = run "/merged"
    assert.is_truthy(text:find("\nMoongate-Partial: gone=status, here=status\n", 1, true), text)
    local parts = {}
    for _, name in ipairs { "ant", "bee", "cat", "dog", "eel", "fox" } do
      parts[#parts + 1] = ('"%s":%s'):format(name, body_of(name))
    end
    local body = "{" .. table.concat(parts, ",") ..
      ',"gone":null,"here":["fallen back"],"next":{"id":"fox-ant"}}'
    assert.equal(body, text:match "\n\n(.*)$")
  end)

  it("are the same, byte for byte: template", function()
    local text = run "/template"
    local body = ('{"a":[%s,"dog"],"gone":null,"here":["fallen back"],"next":"fox-ant",'
      .. '"s":"eel+fox","y":%s,"z":%s}'):format(body_of "cat", body_of "bee", body_of "ant")
    assert.equal(body, text:match "\n\n(.*)$")
  end)

  it("are the same, byte for byte: a function over a plan", function()
    local text = run "/reply"
    assert.is_truthy(text:find("\nMoongate-Partial: gone=status, here=status\n", 1, true), text)
  end)

  it("are the same, byte for byte: a function that makes the calls", function()
    local text = run "/function"
    assert.is_truthy(text:find("dog=status, eel=status, fox=status, gone=status\n", 1, true), text)
  end)
end)
