describe("GET /hello/{name}", function()
  it("greets when the weather has come", function()
    local run = drive "GET /hello/Ada"
    assert.is_nil(run.answer { greeting = ok { text = "Hello" } }) -- no reply yet
    local out = run.tick "50ms"
    assert.same({ status = 200, json = { text = "Hello, Ada!", sky = "clear" } }, out)
  end)

  it("has no reply without a greeting", function()
    local run = drive "GET /hello/Ada"
    assert.equal(502, run.answer({ greeting = failed "file" }).status)
  end)
end)
