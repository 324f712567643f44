describe("hello", function()
  it("greets whom the path names", function()
    assert.same({ status = 200, json = { hello = "world" } }, drive("GET /hello/world").out)
  end)

  it("knows no other path", function()
    assert.equal(404, drive("GET /bye").out.status)
  end)
end)
