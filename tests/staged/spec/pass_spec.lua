describe("what is passed", function()
  it("goes to the backend as it came, when it is let through", function()
    local bytes = ("\0\255moon"):rep(100000)
    local run = drive("PUT /files/a", { text = bytes, headers = { ["Content-Type"] = "image/png" } })
    assert.same({ "room" }, run.open)
    run.answer { room = ok {} }
    local call = run.calls[2]
    assert.same({ "store", "PUT", "/files/a", "image/png" },
      { call.backend, call.method, call.path, call.headers["content-type"] })
    local out = run.answer { [call.name] = status(201, "kept", { headers = { ETag = '"1"' } }) }
    assert.same({ status = 201, text = "kept" }, out)
    assert.equal('"1"', out.headers.etag)
    assert.is_true(call.text == bytes)
  end)

  it("is refused before a byte is asked for", function()
    local run = drive("PUT /files/a", { text = "x" })
    assert.equal(507, run.answer({ room = status(507) }).status)
    assert.equal(1, #run.calls)
  end)

  it("comes back as it is, however large", function()
    local bytes = ("0123456789"):rep(300000)
    local run = drive("GET /files/a")
    local out = run.answer { ok(bytes, { headers = { ["Content-Type"] = "application/x-any" } }) }
    assert.equal("application/x-any", out.headers["Content-Type"])
    assert.is_true(out.text == bytes)
  end)

  it("may be a file", function()
    local run = drive("GET /static/a/b.txt")
    assert.same({ "file", "read", "a/b.txt" }, { run.calls[1].kind, run.calls[1].verb, run.calls[1].path })
    local out = run.answer { ok("text", { headers = { ["Content-Type"] = "text/plain" } }) }
    assert.same({ status = 200, text = "text" }, out)
    assert.equal(404, drive("GET /static/none").answer({ status(404) }).status)
  end)

  it("answers HEAD without a body", function()
    local run = drive("HEAD /files/a")
    assert.equal("HEAD", run.calls[1].method)
    assert.same({ status = 200 }, run.answer { ok "text" })
  end)
end)
