-- tests/soak itself: does it see what it is there to see?
local faults = require "support.soak.faults"
local report = require "support.soak.report"
local run = require "support.soak.run"
local wait = require "support.wait"

describe("a soak", function()
  it("tells losses that a fault explains from others, and never forgives another request's id", function()
    local before, served_on
    local result = run.go { seconds = 20 * wait.slack, seed = 3, postgres = false, warm = 100, calm = 50, share = 1, faults = function(self)
      local books, users, orders = self.ledger, self.servers.users, self.servers.orders
      local function till(check)
        wait.till(check)
        users:mood ""
        orders:mood ""
        wait.sleep(50)
      end
      till(function() return books.requests > 150 end)
      self.settled = math.huge
      local killed = self.servers:server()
      for _, one in ipairs(faults.all) do
        if one[1] == "server killed" and self.servers:server() == killed then
          one[2](self)
        end
      end
      served_on = killed and self.servers:server() ~= killed
      till(function() return books.requests > 300 end)
      books:settle()
      before = #books.unexplained
      local fault = books:fault("told so", { explains = function() return true end })
      local lost = books.losses
      orders:mood "/to/status/500"
      till(function() return books.losses > lost end)
      fault.over()
      orders:mood "/to/id/q0x0q"
      till(function() return books.wrong > 0 end)
      local from = wait.now()
      users:mood "/to/reset/0"
      till(function()
        local last = books.waiting[#books.waiting]
        -- A shared call may have begun under the fault before.
        return last.from > from and last.status == 502 and last.ask.name ~= "share"
      end)
      self.over = true
    end }
    local text, bad = report.of(result)
    assert.is_true(served_on, text)
    assert.equal(0, before, text)
    assert.is_truthy(next(result.ledger.explained), text) -- by this fault, or by one of a busy machine beside it
    assert.is_truthy(text:find("it has the id q0x0q", 1, true), text)
    assert.is_truthy(text:find("502, not 200", 1, true), text)
    assert.same({ "losses that no fault explains", "replies with an id of another request" }, bad)
  end)
end)
