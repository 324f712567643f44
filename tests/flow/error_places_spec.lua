-- The line that an error names when none of the author's code is at work: of the function whose doing
-- it was, and of a function that no file of the gateway defines, where it was given.
local gateway = require "support.gateway"

local routes = [[
local gate = require "moongate"
gate.get("/library", gate.json.encode)
gate.get("/lua", { reply = string.upper })
gate.group("/before", { before = gate.redirect }, function(api)
  api.get("/x", { reply = 1 })
end)
gate.get("/after", { reply = 1, after = math.floor })
local report = gate.task("report", function() end)
report:routes(gate)
gate.get("/answers", { reply = 1,
  before = function()
    return 5
  end,
})
gate.get("/context", { reply = "{context.fn}",
  before = function(req)
    req.context.fn = print
  end,
})
gate.group("", { after = function() end }, function(api)
  api.get("/headers", { reply = 1,
    after = function(_, reply)
      reply.headers["no name"] = "x"
    end,
  })
  api.get("/json", { reply = 1,
    after = function(_, reply)
      reply.json = { fn = print }
    end,
  })
end)
]]

describe("an error names the author's line", function()
  local g

  setup(function()
    g = gateway.start({ ["gateway.lua"] = {}, ["a.lua"] = routes,
      ["z.lua"] = 'local gate = require "moongate"\n\n\ngate.get("/z", function() end)\n' },
      { workers = 1, arguments = { "--dev" } })
  end)

  teardown(gateway.clean)

  local function place(path, status)
    local reply = g:get(path)
    local dev = reply:json().dev
    assert.equal(status or 500, reply.status, reply.body)
    return ("%s:%d"):format(dev.file, dev.line), dev.error
  end

  it("where it gave a function that is not its own", function()
    for path, expected in pairs {
      ["/library"] = "a.lua:2", ["/lua"] = "a.lua:3", ["/before/x"] = "a.lua:4", ["/after"] = "a.lua:7",
    } do
      assert.equal(expected, (place(path)), path)
    end
    assert.equal("a.lua:9", (place("/nothing", 404)))
  end)

  it("of the function around a route whose doing it was", function()
    for path, expected in pairs {
      ["/answers"] = "a.lua:11", ["/context"] = "a.lua:16", ["/headers"] = "a.lua:22", ["/json"] = "a.lua:27",
    } do
      local found, message = place(path)
      assert.equal(expected, found, path .. ": " .. tostring(message))
    end
  end)
end)
