-- examples/upload: a text goes through the gateway to the store and comes back as it was.
local example = require "support.example"
local gateway = require "support.gateway"

describe("the upload example", function()
  local run

  setup(function()
    run = example.start "examples/upload"
  end)

  teardown(gateway.clean)

  it("streams an upload to the store, and a download back", function()
    local text = ("a line of an upload\n"):rep(50000)
    local reply = run:get("/files/a", { method = "PUT", body = text })
    assert.same({ 201, { name = "a", bytes = #text } }, { reply.status, reply:json() })
    reply = run:get "/files/a"
    assert.same({ 200, true }, { reply.status, reply.body == text })
    reply = run:get("/files/b", { method = "PUT", headers = { ["Transfer-Encoding"] = "chunked" },
      body = "4\r\nthis\r\n0\r\n\r\n" })
    assert.same({ 201, "this" }, { reply.status, run:get("/files/b").body })
  end)

  it("passes the store's own refusals on", function()
    assert.equal(404, run:get("/files/nothing").status)
  end)

  it("answers 413 to more than limits.body, 507 when the store is full", function()
    local long = { method = "PUT", headers = { ["Content-Length"] = tostring(4 * 1048576 + 1) } }
    assert.equal(413, run:get("/files/long", long).status)
    for i = 1, 100 do
      run:get("/files/" .. i, { method = "PUT", body = "x" })
    end
    local reply = run:get("/files/more", { method = "PUT", body = "x" })
    assert.same({ 507, "application/problem+json" }, { reply.status, reply.headers["content-type"] })
  end)
end)
