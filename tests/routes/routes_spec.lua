-- `moongate routes`: what carries the calls of each service, and why.
local gateway = require "support.gateway"
local dkjson = require "dkjson"

local files = {
  ["gateway.lua"] = { services = {
    own    = "http://127.0.0.1:9001",
    tls    = "https://127.0.0.1:9002",
    either = { url = { "http://127.0.0.1:9003", "https://127.0.0.1:9004" } },
    fixed  = { url = "http://127.0.0.1:9005", path = "libcurl" },
    shared = { url = "http://127.0.0.1:9007", share = true },
    forced = { url = "http://127.0.0.1:9006", path = "plain" },
  } },
  ["all.lua"] = [[
    local gate = require "moongate"
    gate.get("/all", { calls = {
      a_own    = gate.service("own"):get "/",
      b_tls    = gate.service("tls"):get "/",
      c_either = gate.service("either"):get "/",
      d_fixed  = gate.service("fixed"):get "/",
      e_moved  = gate.service("own"):get("/", { redirects = 1 }),
      f_forced = gate.service("forced"):get("/", { redirects = 1 }),
      g_value  = gate.value(1),
      h_get    = gate.service("shared"):get "/",
      i_any    = gate.service("shared"):request "/",
      j_post   = gate.service("shared"):post "/",
      k_body   = gate.service("shared"):request("/", { text = "x" }),
    } })
  ]],
}

describe("moongate routes", function()
  after_each(gateway.clean)

  it("says which path each call of a service takes", function()
    local code, out = gateway.run("routes", gateway.folder(files))
    assert.equal(0, code)
    for call, path in pairs { a_own = "plain", b_tls = "libcurl", c_either = "plain or libcurl", d_fixed = "libcurl",
                              e_moved = "libcurl", f_forced = "plain" } do
      assert.equal("  over " .. path, out:match(call .. "[^\n]*GET /(  over [^\n]*)"))
    end
    assert.is_nil(out:match "g_value[^\n]*over")
  end)

  it("says which calls are shared", function()
    local folder = gateway.folder(files)
    local code, out = gateway.run("routes", folder)
    assert.equal(0, code)
    local _, json = gateway.run("routes", folder, "--json")
    local told = {}
    for _, call in ipairs(dkjson.decode(json)[1].calls) do
      local line = out:match("\n  " .. call.name .. " [^\n]*")
      told[call.name] = call.shared
      assert.equal(call.shared or false, line:find("over plain, shared", 1, true) ~= nil, line)
    end
    assert.same({ a_own = false, b_tls = false, c_either = false, d_fixed = false, e_moved = false, f_forced = false,
      h_get = true, i_any = true, j_post = false, k_body = false }, told)
  end)

  it("says why to programs with --json", function()
    local code, out = gateway.run("routes", gateway.folder(files), "--json")
    assert.equal(0, code)
    local told = {}
    for _, call in ipairs(dkjson.decode(out)[1].calls) do
      if not call.name:find "^[h-k]_" then
        told[call.name] = call.path and call.path .. ": " .. call.because
      end
    end
    assert.same({
      a_own = "plain: its URL is http", b_tls = "libcurl: its URL is https",
      c_either = "plain or libcurl: its URLs are http and https", d_fixed = "libcurl: its service says so",
      e_moved = "libcurl: it follows redirects", f_forced = "plain: its service says so",
    }, told)
  end)

  it("shows the call that passes, which waits for all others", function()
    local folder = gateway.folder {
      ["gateway.lua"] = { services = { own = "http://127.0.0.1:9001" } },
      ["pass.lua"] = [[
        local own = require "moongate".service "own"
        require "moongate".put("/up/{id}", { calls = { me = own:get "/me", log = own:post "/log" },
          pass = own:request "/up/{id}" })
      ]],
    }
    local _, out = gateway.run("routes", folder)
    assert.is_truthy(out:find "PUT +/up/{id} +pass +pass.lua:2\n")
    assert.is_truthy(out:find "\n  pass +own %* /up/{id}  over plain  waits for log, me\n")
    local told = dkjson.decode((select(2, gateway.run("routes", folder, "--json"))))[1]
    assert.same({ "pass", 2, "own * /up/{id}", { "log", "me" } },
      { told.reply, #told.calls, told.pass.asks, told.pass.waits_for })
  end)
end)
