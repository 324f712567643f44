-- gate.map, gate.first and gate.as_completed in running functions.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local places = require "support.places"
local running = require "support.running"
local wait = require "support.wait"

local ROUNDS = places.sanitize == "" and 60 or 15
local answer, serve = running.answer, running.serve

describe("a function", function()
  local backend

  before_each(function()
    backend = running.start()
  end)

  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  -- The reply of `g`; what is held is let go of each time that the backend was asked so often. `after`
  -- is done then.
  local function get_held(g, requests, after)
    local reply
    wait.at_once {
      function() reply = g:get "/" end,
      function()
        for _, count in ipairs(requests) do
          backend:record_when(function(record) return record.requests == count end)
          backend:release()
        end
        if after then
          after()
        end
      end,
    }
    return reply
  end

  describe("with gate.map", function()
    it("makes 20 calls for 100 items with 20 distinct ids, never more than 8 in flight", function()
      local expected = {}
      for i = 1, 100 do
        expected[i] = "n" .. i % 20
      end
      local most = 0
      wait.in_time(function() -- 8 of them are in flight before the first is answered
        backend:reset()
        assert.same(expected, answer [[
          local list, ids = {}, {}
          for i = 1, 100 do list[i] = "n" .. i % 20 end
          for i, result in ipairs(gate.map(list, function(id)
            return api:get("/delay/30/id/{id}", { params = { id = id }, headers = { ["x-a"] = "b" } })
          end, { at_once = 8 })) do
            ids[i] = result.body.id
          end
          return ids]])
        local record = backend:record()
        most = math.max(most, record.in_flight_most)
        assert.equal(20, record.requests)
        assert.equal(8, record.in_flight_most)
      end)
      assert.equal(8, most)
    end)

    it("makes equal calls once however they are described, by what their paths name", function()
      answer [[
        local lines = { { id = 1, count = 1 }, { id = 2, count = 1 }, { id = 1, count = 5 }, { id = 2 } }
        gate.map(lines, function(line) return api:get("/id/{id}", { params = line }) end)
        gate.map(lines, function(line)
          return api:get("/id/{id}", { params = line, fallback = { cents = 0 } })
        end)
        gate.map(lines, function(line) return api:get("/id/{the-id}", { params = { ["the-id"] = line.id } }) end)
        gate.map(lines, function(line) return api:get("/id/" .. line.id) end)
        return gate.json.raw "1"]]
      assert.equal(4 * 2, backend:record().requests)
    end)

    it("keeps the list's order in whatever order the answers land, and has 8 in flight unless told", function()
      local g = serve [[
        local results = gate.map({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 }, function(item, place)
          assert(item == place)
          local ms = math.random(0, 9) + (req.query.more or 0)
          return api:get("/delay/{ms}/id/{id}", { params = { ms = ms, id = item } })
        end)
        local ids = {}
        for i, result in ipairs(results) do ids[i] = result.body.id end
        return table.concat(ids, " ")]]
      for _ = 1, ROUNDS do
        assert.equal("1 2 3 4 5 6 7 8 9 10 11 12", g:get("/").body)
      end
      wait.in_time(function() -- 8 of them are in flight before the first is answered
        assert.equal("1 2 3 4 5 6 7 8 9 10 11 12", g:get("/?more=20").body)
        assert.equal(8, backend:record().in_flight_most)
      end)
    end)

    it("makes twice what differs in an option, and what may change something", function()
      assert.equal(2 + 3, answer [[
        gate.map({ 1, 2, 1 }, function(item) return api:get("/ok", { query = { a = item } }) end)
        gate.map({ 1, 1, 1 }, function() return api:post("/ok", { json = 1 }) end)
        return gate.json.raw "5"]])
      assert.equal(5, backend:record().requests)
    end)

    it("raises the first required failure, named by its place; what is optional is a result", function()
      local out = answer [[
        local ok, why = pcall(gate.map, { 200, 500, 201 }, function(status)
          return api:get("/status/{s}", { params = { s = status } })
        end, { at_once = 1 })
        local results = gate.map({ 200, 500 }, function(status)
          return api:get("/status/{s}", { params = { s = status }, optional = true })
        end)
        return { ok, why.status, why.calls[1].name, results[1].ok, results[2].ok, results[2].error.kind,
          #gate.map({}, function() end) }]]
      assert.same({ false, 502, "api[2]", true, false, "status", 0 }, out)
      assert.equal(4, backend:record().requests)
    end)

    it("may wait in its function, and takes calls of other kinds", function()
      assert.same({ 2, 4, 6 }, answer [[
        local out = {}
        for i, result in ipairs(gate.map({ 1, 2, 3 }, function(item)
          gate.sleep "2ms"
          return gate.value(item * 2)
        end, { at_once = 2 })) do
          out[i] = result.body
        end
        return out]])
    end)

    it("says what it is not given", function()
      local g = serve [[
        local said, call = {}, function() return api:get "/ok" end
        for i, f in ipairs {
          function() gate.map(5, call) end, function() gate.map({}, 5) end,
          function() gate.map({ 1 }, function() end) end, function() gate.map({}, call, { at_one = 1 }) end,
          function() gate.map({}, call, { at_once = 0 }) end, function() gate.map({}, call, 8) end,
        } do
          said[i] = select(2, pcall(f)):gsub("^routes.lua:%d+: ", "")
        end
        return said]]
      assert.same({
        "gate.map takes a list, not 5", "gate.map takes a function that makes a call of an item, not 5",
        "gate.map: the function gave nothing for item 1: return a call, such as users:get(...)",
        'gate.map: unknown option "at_one": there is at_once',
        "gate.map: at_once must be a whole number from 1 on, not 0",
        "gate.map takes options such as { at_once = 8 }, not 8",
      }, g:get("/"):json())
    end)
  end)

  describe("with gate.first", function()
    it("has the first success and its key; the rest are cancelled", function()
      local g = serve [[
        local result, key = gate.first { slow = api:get "/hang", bad = api:get "/status/500",
          good = api:get "/held/id/7", late = api:get "/hang?2" }
        api:get("/held/ok"):wait()
        return { key, result.body.id }]]
      local record
      local reply = get_held(g, { 4 }, function() record = backend:release_when_left(2, 5) end)
      assert.same({ "good", "7" }, reply:json())
      assert.same({ 2, 5 }, { faultd.left(record), record.requests })
    end)

    it("raises all failures when all fail", function()
      local reply = serve("return gate.first { a = api:get '/status/500', b = gone:get '/x' }"):get "/"
      assert.equal(502, reply.status)
      assert.same({ { name = "a", kind = "status", status = 500 }, { name = "b", kind = "refused" } }, reply:json().calls)
      assert.equal("all calls failed: a (status), b (refused)", reply:json().detail)
    end)

    it("takes futures that have landed, and no empty table", function()
      assert.same({ "1", false }, answer [[
        local one = api:get("/id/1"):start()
        one:wait()
        return { gate.first({ one, api:get "/hang" }).body.id, (pcall(gate.first, {})) }]])
    end)
  end)

  describe("with gate.as_completed", function()
    it("has results as they land, failures too", function()
      local g = serve [[
        local seen = {}
        for key, result in gate.as_completed { a = api:get "/held/held/id/a", b = api:get "/held/status/503",
          c = api:get "/id/c", d = gone:get "/x" } do
          seen[#seen + 1] = { key, result.ok, result.error and result.error.kind or "none" }
          api:get("/id/seen"):wait()
        end
        return { seen[3], seen[4], #seen }]]
      local out = get_held(g, { 3 + 2, 3 + 3 }):json()
      assert.same({ { "b", false, "status" }, { "a", true, "none" }, 4 }, out)
    end)

    it("ends what is left with rest:cancel()", function()
      local g = serve [[
        local first
        for key, _, rest in gate.as_completed { a = api:get "/hang", b = api:get "/held/ok", c = api:get "/hang?2" } do
          first = key
          rest:cancel()
        end
        api:get("/held/ok"):wait()
        return first]]
      local record
      local reply = get_held(g, { 3 }, function() record = backend:release_when_left(2, 4) end)
      assert.equal("b", reply.body)
      assert.same({ 2, 4 }, { faultd.left(record), record.requests })
    end)

    it("can be left by break, and waits between", function()
      local g = serve [[
        local order = {}
        for key in gate.as_completed { api:get "/ok", api:get "/held/ok", api:get "/held/held/ok", api:get "/hang" } do
          order[#order + 1] = key
          gate.sleep "5ms"
          if #order == 3 then break end
          api:get("/id/seen"):wait()
        end
        return order]]
      assert.same({ 1, 2, 3 }, get_held(g, { 4 + 1, 4 + 2 }):json())
    end)

    it("is nothing for nothing", function()
      assert.equal(0, answer "local n = 0 for _ in gate.as_completed {} do n = n + 1 end return gate.json.raw(tostring(n))")
    end)
  end)
end)
