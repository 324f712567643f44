-- `match` in a route's input: patterns that texts match as a whole, and what bounds their work.
local gateway = require "support.gateway"
local posix = require "support.posix"
local problem = require "support.problem"
local wait = require "support.wait"

local routes = [=[
local gate = require "moongate"

gate.get("/a/{code}", { input = {
  code  = { "string", match = "[A-Z]{2}\\d+" },
  query = { tag = { "string[]?", match = "^[a-z]+$" }, two = { "string?", match = ".." }, name = { "string?", min = 2, max = 4, match = "\\p{L}+" },
    either = { "string", match = "(?i)up|down", default = "Up" }, none = { "string?", match = "" } },
  headers = { ["X-V"] = { "string?", match = "v\\d" } },
}, reply = { code = "{code}", tag = "{query.tag}", name = "{query.name}", either = "{query.either}", v = "{headers.x-v}" } })
gate.get("/head", { input = { headers = { ["X-Tags"] = { "string[]?", match = "[a-z]+" }, ["X-N"] = { "integer[]", max = 9, default = { 7 } } } },
  reply = function(req) return { tags = req.headers["x-tags"], n = req.headers["X-N"], sum = "{headers.x-n}" } end })
gate.get("/tags", { input = { headers = { ["x-tags"] = "string[]" } }, reply = { tags = "{headers.x-tags}" } })
gate.post("/body", { input = { body = { word = { "string", match = "[a-z]+" }, list = { "string[]?", match = "\\w+" } } }, reply = "{body.word}" })
local evil = { match = "(a+)+b" }
gate.get("/evil", { input = { query = { q = { "string", match = evil.match } } }, reply = "{query.q}" })
gate.get("/many", { input = { query = { q = { "string[]", match = "(?:a|ab|c)*d?" } } }, reply = "{query.q}" })
gate.get("/together", { input = { query = { q = { "string[]", match = "(?:a|ab|c)*d?" } } }, reply = "{query.q}",
  limits = { match = 10000 } })
gate.get("/more", { input = { query = { q = { "string", match = evil.match } } }, reply = "{query.q}",
  limits = { match = 5000000, match_text = "30B" } })
gate.get("/deep", { input = { query = { q = { "string", match = "(?:(a|b)(?<x>c|d))*e" } } }, reply = "{query.q}",
  limits = { match = 50000000 } })
]=]

describe("a pattern of the input", function()
  local g

  setup(function()
    g = gateway.start { ["gateway.lua"] = { workers = 1, limits = { match_memory = "64KiB" } }, ["routes.lua"] = routes }
  end)

  teardown(gateway.clean)

  local function errors(path, options)
    return problem.check(g:get(path, options), 400).errors
  end

  it("is matched by the whole text, in characters", function()
    assert.same({ code = "AB12", tag = { "a", "bc" }, name = "äöü", either = "Up", v = "v1" },
      g:get("/a/AB12?tag=a&tag=bc&name=%C3%A4%C3%B6%C3%BC&two=%E2%82%AC%F0%9F%98%80", { headers = { ["x-v"] = "v1" } }):json())
    assert.equal("dOWN", g:get("/a/AB12?either=dOWN").status == 200 and g:get("/a/AB12?either=dOWN"):json().either)
    assert.equal(200, g:get("/a/AB12?none=").status)
    for _, path in ipairs { "/a/ab12", "/a/AB", "/a/AB12x", "/a/xAB12", "/a/AB1%0A", "/a/AB12?tag=a&tag=B", "/a/AB12?tag=a%0A",
      "/a/AB12?name=", "/a/AB12?name=a", "/a/AB12?name=abcde", "/a/AB12?name=a1", "/a/AB12?two=%E2%82%AC", "/a/AB12?either=upward",
      "/a/AB12?two=%ff%ff%ff", "/a/AB12?none=x", "/a/AB12?tag=" } do
      problem.check(g:get(path), 400)
    end
    problem.check(g:get("/a/AB12", { headers = { ["x-v"] = "v12" } }), 400)
  end)

  it("says what was wanted, of every wrong text", function()
    assert.same({ { at = "code", detail = "must match [A-Z]{2}\\d+" },
      { at = "query.name", detail = "must be at most 4 characters long" },
      { at = "query.tag", detail = "must match ^[a-z]+$" } }, errors "/a/x?tag=1&name=abcde")
  end)

  it("looks at the text of JSON as it is meant", function()
    local function post(body)
      return g:post("/body", { body = body, headers = { ["content-type"] = "application/json" } })
    end
    assert.equal('"\\u0061b"', post('{"word":"\\u0061b","list":["a","b_1"]}').body)
    assert.same({ { at = "body.list", detail = "every element must match \\w+" }, { at = "body.word", detail = "must match [a-z]+" } },
      problem.check(post '{"word":"\\u00e4","list":["a","-"]}', 400).errors)
    problem.check(post '{"word":7}', 400)
    problem.check(post '{"word":"\\ud800"}', 400)
  end)

  it("looks at each value of a list, in a header too", function()
    local function head(path, ...)
      local headers = {}
      for _, value in ipairs { ... } do
        headers[#headers + 1] = { "X-Tags", value }
      end
      return g:get(path, { headers = headers })
    end
    assert.same({ tags = { "a", "b", "c" }, n = { 7 }, sum = "{headers.x-n}" }, head("/head", "a, b", "c"):json())
    assert.same({ tags = { "a", "b" } }, head("/tags", " a,,b , "):json())
    assert.same({ { at = "headers.x-tags", detail = "must match [a-z]+" } }, problem.check(head("/head", "a,B"), 400).errors)
    assert.same({ { at = "headers.x-n", detail = "must be at most 9" } }, errors("/head", { headers = { ["x-n"] = "1, 10" } }))
    assert.same({ { at = "headers.x-tags", detail = "is missing" } }, problem.check(head "/tags", 400).errors)
    assert.same({ { at = "headers.x-tags", detail = "is missing" } }, problem.check(head("/tags", ","), 400).errors)
    assert.equal(1024, #head("/tags", ("a,"):rep(1024)):json().tags)
    assert.same({ { at = "headers.x-tags", detail = "is a list of more than 1024 values" } },
      problem.check(head("/tags", ("a,"):rep(1025)), 400).errors)
  end)

  it("that takes too much work is 400 and a line in the log, and holds up nobody for long", function()
    assert.equal(200, g:get("/evil?q=" .. ("a"):rep(200) .. "b").status)
    local bad = ("a"):rep(60) .. "!b"
    local started = posix.now()
    for _ = 1, 5 do
      assert.same({ { at = "query.q", detail = "takes too much work to match" } }, errors("/evil?q=" .. bad))
    end
    assert.is_true(posix.now() - started < 2000 * wait.slack)
    assert.is_truthy(wait.till(function()
      return g:log():find("GET /evil .-input.query.q: the text was not matched: limits.match\n")
    end, 2000), g:log())
    assert.equal(200, g:get("/evil?q=aab").status)
  end)

  it("has its steps for all texts of a request together", function()
    local easy, tough = {}, {}
    for i = 1, 500 do
      easy[i] = "q=abcd"
    end
    assert.equal(200, g:get("/many?" .. table.concat(easy, "&")).status)
    assert.same({ { at = "query.q", detail = "must match (?:a|ab|c)*d?" } },
      errors("/many?q=" .. ("a"):rep(120) .. "x"))
    for i = 1, 60 do
      tough[i] = "q=" .. ("a"):rep(100) .. "d"
    end
    assert.equal(200, g:get("/together?" .. tough[1]).status)
    assert.same({ { at = "query.q", detail = "takes too much work to match" } },
      errors("/together?" .. table.concat(tough, "&")))
  end)

  it("is bounded in the length of a text and in memory", function()
    assert.same({ { at = "query.q", detail = "is longer than the 30 bytes that are matched" } }, errors("/more?q=" .. ("a"):rep(31)))
    assert.equal(200, g:get("/more?q=" .. ("a"):rep(29) .. "b").status)
    assert.same({ { at = "query.q", detail = "takes too much work to match" } }, errors("/deep?q=" .. ("acbd"):rep(1500)))
    assert.is_truthy(wait.till(function()
      local log = g:log()
      return log:find("GET /deep .-limits.match_memory\n") and log:find("GET /more .-limits.match_text\n")
    end, 2000), g:log())
    assert.equal(200, g:get("/deep?q=acbde").status)
  end)
end)
