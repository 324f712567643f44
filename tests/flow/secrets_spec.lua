-- Secrets reach backends, and nobody else: not `check`, not `routes`, no problem, not the log.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local problem = require "support.problem"

local KEY = 'k3y"with\\quotes{}'
local files = {
  ["gateway.lua"] = [=[return {
    services = { users = os_url },
    secrets = { stripe = env "STRIPE", token = env("TOKEN", "tok-4711"), token2 = "tok-4711-long" },
  }]=],
  ["lib/keys.lua"] = [[return { stripe = require("moongate").secret "stripe" }]],
  ["routes.lua"] = [=[
local gate = require "moongate"
local users = gate.service "users"
local token = gate.secret "token"
gate.get("/planned", { calls = { it = users:get("/echo/" .. token, { headers = { authorization = "Bearer " .. token } }) } })
gate.get("/running", function()
  return users:get("/echo", { headers = { ["x-key"] = gate.secret "stripe", ["x-two"] = gate.secret "token2" } }):wait().body
end)
gate.get("/module", function() return { right = require("lib.keys").stripe == gate.secret "stripe" } end)
gate.get("/raised", function() error("key is " .. gate.secret "stripe" .. " and " .. gate.secret "token2") end)
gate.get("/failed", function() gate.fail(400, "key is " .. gate.secret "stripe") end)
gate.get("/printed", function() print("key", gate.secret "stripe") return {} end)
gate.get("/refused", function() return users:get("/echo", { headers = { ["x-key"] = gate.secret "stripe" .. "\n" } }):wait().body end)
gate.get("/unknown", function() return gate.secret "stirpe" end)
]=],
}

describe("a secret", function()
  local g, backend
  setup(function()
    backend = faultd.start()
    files["gateway.lua"] = files["gateway.lua"]:gsub("os_url", ("%q"):format(backend.url))
    g = gateway.start(files, { env = { STRIPE = KEY } })
  end)
  teardown(function()
    gateway.clean()
    faultd.clean()
  end)

  local function hides(text)
    for _, value in ipairs { KEY, "k3y", "tok-4711" } do
      assert.is_nil(text:find(value, 1, true), text)
    end
  end

  it("is what routes get by its name", function()
    local got = g:get("/planned"):json().it
    assert.is_truthy(got.target:find("/echo/tok-4711", 1, true))
    local sent = {}
    for _, field in ipairs(g:get("/running"):json().headers) do
      sent[field[1]:lower()] = field[2]
    end
    assert.same({ KEY, "tok-4711-long" }, { sent["x-key"], sent["x-two"] })
    assert.same({ right = true }, g:get("/module"):json())
  end)

  it("is in no reply that says what went wrong, and not in the log", function()
    for path, status in pairs { ["/raised"] = 500, ["/failed"] = 400, ["/refused"] = 500, ["/unknown"] = 500 } do
      hides(problem.check(g:get(path), status).detail)
      hides(g:get(path).body)
    end
    assert.equal("key is [secret stripe]", g:get("/failed"):json().detail)
    g:get "/printed"
    g:stop()
    local log = g:log()
    hides(log)
    assert.is_truthy(log:find("key is [secret stripe] and [secret token2]", 1, true), log)
    assert.is_truthy(log:find('no secret "stirpe": did you mean "stripe"?', 1, true), log)
    assert.is_truthy(log:find("[secret stripe]", 1, true), log)
  end)

  it("is not in what check and routes print", function()
    local shown = { ["gateway.lua"] = [[return { services = { users = "http://127.0.0.1:1" },
      secrets = { token = "tok-4711", odd = 'k3y"q' } }]] }
    shown["routes.lua"] = [=[local gate = require "moongate"
      local users = gate.service "users"
      gate.get("/a", { calls = { it = users:get("/x/" .. gate.secret "token", { query = { k = gate.secret "odd" } }) } })
      gate.get("/b", { calls = { it = users:get('/x/' .. gate.secret "odd") } })]=]
    local folder = gateway.folder(shown)
    for _, command in ipairs { "check", "routes" } do
      for _, json in ipairs { false, true } do
        local code, out, err = gateway.run(command, folder, json and "--json" or nil)
        assert.equal(0, code, err)
        hides(out)
        hides(err)
        assert.equal(command == "routes", out:find("users GET /x/[secret token]", 1, true) ~= nil, out)
      end
    end
    shown["routes.lua"] = [=[local gate = require "moongate"
      local users = gate.service "users"
      gate.get("/a", { calls = { it = users:get("/x/{" .. gate.secret "token" .. "}") } })
      gate.get("/b", { calls = { it = users:get(gate.secret "token") } })
      gate.get("/c", { withn = gate.secret "token", within = gate.secret "token", reply = 1 })
      error(gate.secret "odd")]=]
    for _, json in ipairs { false, true } do
      local code, out, err = gateway.run("check", gateway.folder(shown), json and "--json" or nil)
      assert.equal(1, code)
      hides(out)
      hides(err)
      assert.is_truthy((out .. err):find("[secret token]", 1, true))
    end
  end)
end)
