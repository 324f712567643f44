describe("GET /hello/{name}", function()
  it("greets", function()
    local run = drive "GET /hello/Ada"
    local out = run.answer { greeting = ok { text = "Hello" }, weather = ok { sky = "clear" } }
    assert.equal(200, out.status)
    assert.same({ text = "Hello, Ada!", sky = "clear" }, out.json)
  end)

  it("greets all the same while the weather is not known", function()
    local run = drive "GET /hello/Ada"
    local out = run.answer { greeting = ok { text = "Hello" }, weather = failed "timeout" }
    assert.equal(200, out.status)
    assert.equal("Hello, Ada!", out.json.text)
  end)
end)
