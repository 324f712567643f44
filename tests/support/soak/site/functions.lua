-- Routes whose calls are made by running functions; what goes wrong in a function; shared data, tasks.
local gate = require "moongate"
local users, orders, cache = gate.service "users", gate.service "orders", gate.redis "cache"
local counts = gate.shared "counts"

gate.get("/all/{id}", function(req)
  local own = { params = { id = req.params.id } }
  local got = gate.all { users = users:get("/id/{id}", own), orders = orders:get("/delay/3/id/{id}", own),
    cache = cache:echo(req.params.id) }
  return { own = req.params.id, ids = { got.users.body.id, got.orders.body.id, got.cache.body } }
end)

gate.get("/map/{id}", function(req)
  local got = gate.map({ 1, 2, 3, 4 }, function(n)
    return orders:get("/id/{id}-{n}", { params = { id = req.params.id, n = n } })
  end, { at_once = 2 })
  local ids = {}
  for i, one in ipairs(got) do
    ids[i] = one.body.id
  end
  return { own = req.params.id, ids = ids }
end)

gate.get("/first/{id}", function(req)
  local own = { params = { id = req.params.id } }
  local won = gate.first { users = users:get("/delay/2/id/{id}", own), orders = orders:get("/delay/2/id/{id}", own) }
  return { own = req.params.id, id = won.body.id }
end)

gate.get("/wait/{id}", function(req)
  local own = { params = { id = req.params.id } }
  local one = users:get("/id/{id}", own):wait().body.id
  gate.sleep "3ms"
  return { own = req.params.id, ids = { one, orders:get("/id/{id}", own):wait().body.id } }
end)

-- Each begun request ends in one run of its function.
gate.get("/final/{id}", function(req)
  counts:incr "begun"
  gate.finally(function() counts:incr "ended" end)
  gate.sleep "2ms"
  return { own = req.params.id }
end)

gate.get("/count/{id}", function(req) return { own = req.params.id, n = counts:incr "count" } end)
gate.get("/counts", function()
  return { count = counts:get "count" or 0, begun = counts:get "begun" or 0, ended = counts:get "ended" or 0 }
end)

gate.group("", {
  before = function(req)
    req.context.user = users:get("/id/{id}", { params = { id = req.params.id } }):wait().body
  end,
  after = function(req, reply) reply.headers["X-After"] = req.params.id end,
}, function(api)
  api.get("/around/{id}", {
    calls = {
      orders1 = orders:get("/id/{context.user.id}", { when = function(req) return req.context.user.id == req.params.id end }),
      orders2 = orders:get("/id/{id}", { when = function() return false end }),
    },
    reply = { own = "{id}", id = "{orders1.body.id}", skipped = "{orders2.body}" },
  })
end)

gate.get("/raise/{id}", function(req) error("asked for: " .. req.params.id) end)
gate.get("/fail/{id}", function(req) gate.fail(409, req.params.id) end)
gate.get("/endless/{id}", { limits = { script = "10ms" }, reply = function() while true do end end })
gate.get("/bomb/{id}", {
  limits = { memory = "1MiB" },
  reply = function()
    local all = {}
    for i = 1, 1e9 do
      all[i] = { i }
    end
    return #all
  end,
})

local job = gate.task("job", { within = "20s", keep = "20s", tries = 5 }, function(args, task)
  local id = users:get("/delay/10/id/{id}", { params = { id = args.id }, within = "1s", optional = true }):wait()
  task:progress(0.5)
  gate.sleep "5ms"
  task:write(args.id .. " " .. (id.ok and id.body.id or "none"))
end)
gate.group("/jobs", function(api)
  api.post("/{id}", function(req) return gate.accepted(job:start { id = req.params.id }) end)
  job:routes(api)
end)
