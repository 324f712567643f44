package.path = package.path .. ";" .. (require "support.places").checkout .. "/tests/unit/backend/?.lua"
local world = require "http_world"
local C = world.C

describe("a call over TLS", function()
  after_each(world.close)

  local function ask(backend, host, ca, names)
    return world.ask(world.service(("https://%s:%d"):format(host, C.fake_tls_port(backend)), { ca = ca,
        names = names }))
  end

  it("is made when the certificate is trusted and for that name or address", function()
    local backend, file = world.fake_tls "DNS:users.test,IP:127.0.0.1"
    assert.equal("hi", ask(backend, "127.0.0.1", file).body)
  end)

  it("checks the name that was configured, whatever its address", function()
    local backend, file = world.fake_tls "DNS:users.test"
    assert.equal("ok", ask(backend, "users.test", file, { ["users.test"] = "127.0.0.1" }).error)
  end)

  it("uses its connection again", function()
    local backend, file = world.fake_tls "IP:127.0.0.1"
    local users = world.service("https://127.0.0.1:" .. C.fake_tls_port(backend), { ca = file })
    for _ = 1, 20 do
      assert.equal("hi", world.ask(users).body)
    end
    assert.equal(1, C.fake_tls_handshakes(backend))
  end)

  it("is `tls` when the certificate is not trusted", function()
    local backend = world.fake_tls "IP:127.0.0.1"
    local _, other = world.fake_tls "IP:127.0.0.1"
    assert.same({ "tls", "no trusted TLS connection" },
      { ask(backend, "127.0.0.1", other).error, ask(backend, "127.0.0.1", other).message })
    assert.equal("tls", ask(backend, "127.0.0.1", nil).error)
  end)

  it("is `tls` when the certificate is for another name", function()
    local backend, file = world.fake_tls "DNS:other.test,IP:127.0.0.2"
    assert.equal("tls", ask(backend, "users.test", file, { ["users.test"] = "127.0.0.1" }).error)
    assert.equal("tls", ask(backend, "127.0.0.1", file).error)
  end)
end)
