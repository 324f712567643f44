local support = require "lua.support"

describe("the words of messages", function()
  local words

  before_each(function()
    support.fresh()
    words = require "moongate.words"
  end)

  it("suggest the name that was meant", function()
    local names = { "fallback", "headers", "needs", "optional", "query", "within" }
    for wrong, right in pairs {
      withn = "within", wihtin = "within", Within = "within", heders = "headers", quary = "query",
      optinal = "optional", need = "needs",
    } do
      assert.equal(right, words.nearest(wrong, names), wrong)
    end
  end)

  it("suggest nothing far-fetched", function()
    for _, wrong in ipairs { "x", "timeout", "banana", ("w"):rep(10000) } do
      assert.is_nil(words.nearest(wrong, { "within", "query" }), wrong)
    end
  end)

  it("list what there is where nothing is near", function()
    assert.equal(": the keys are query within", words.hint("banana", { "query", "within" }, "keys"))
    assert.equal(": there are no services", words.hint("users", {}, "services"))
  end)

  it("show values short and on one line", function()
    assert.equal('"a?b"', words.show "a\nb")
    assert.equal(82, #words.show(("x"):rep(1000)))
    assert.equal("a table", words.show {})
  end)
end)
