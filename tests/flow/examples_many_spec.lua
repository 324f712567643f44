-- examples/each and examples/search do what their READMEs say.
local example = require "support.example"
local gateway = require "support.gateway"
local wait = require "support.wait"

-- On a busy machine what a reply can do without may be late: asked again, it is not.
local function ask(run, path, fine)
  local reply
  wait.till(function()
    reply = run:get(path)
    return fine(reply)
  end, 10000)
  return reply
end

describe("examples/each", function()
  teardown(gateway.clean)

  it("makes four calls for eight lines", function()
    local run = example.start "examples/each"
    local reply = ask(run, "/order/1", function(one)
      return one.headers["moongate-partial"] == "items=status"
    end)
    local out = reply:json()
    assert.equal(200, reply.status, reply.body)
    assert.equal("items=status", reply.headers["moongate-partial"])
    assert.equal(4, out.calls)
    assert.is_truthy(reply.body:find(',{"cents":790,"id":3,"name":"cup"},null]', 1, true)
      or reply.body:find(',{"id":3,"name":"cup","cents":790},null]', 1, true), reply.body)
    assert.equal("lamp", out.items[1].name)
    assert.equal("lamp", out.items[6].name)
    local cents = 4 * 4900 + 5 * 12900 + 6 * 790
    reply = ask(run, "/total/1", function(one) return one:json().cents == cents end)
    assert.equal(cents, reply:json().cents, reply.body)
    assert.equal(404, run:get("/order/2").status)
    assert.equal(400, run:get("/order/x").status)
  end)
end)

describe("examples/search", function()
  teardown(gateway.clean)

  it("merges three shards of five, by score", function()
    local run = example.start "examples/search"
    local reply = ask(run, "/search?q=lamp", function(reply)
      return reply.headers["moongate-partial"] == "s4=status, s5=timeout"
    end)
    assert.equal("s4=status, s5=timeout", reply.headers["moongate-partial"])
    assert.equal('{"hits":[{"score":9,"title":"lamp shade"},{"score":7,"title":"desk lamp"},' ..
      '{"score":3,"title":"storm lamp"},{"score":1,"title":"lampoon"}],"shards":3}', reply.body)
    assert.equal(503, run:get("/search?q=storm").status)
    assert.equal(400, run:get("/search").status)
  end)
end)
