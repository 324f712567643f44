-- Routes whose calls are data. Calls are named by the backend that they ask, with a number where
-- there are several: the driver reads off a problem who has failed.
local gate = require "moongate"
local users, curled, common, orders = gate.service "users", gate.service "curled", gate.service "common", gate.service "orders"
local lite, cache, pages = gate.database "lite", gate.redis "cache", gate.files "pages"

local fan = {
  users = users:get "/id/{id}", orders1 = orders:get "/delay/2/id/{id}", orders2 = orders:get "/id/{users.body.id}",
  curled = curled:get "/id/{id}",
}

gate.get("/none/{id}", { calls = { users = users:get "/id/{id}", orders = orders:get "/delay/2/id/{id}" } })
gate.get("/template/{id}", {
  calls = fan,
  reply = { own = "{id}", ids = { "{users.body.id}", "{orders1.body.id}", "{orders2.body.id}", "{curled.body.id}" } },
})
gate.get("/function/{id}", {
  calls = fan,
  reply = function(req, got)
    return { own = req.params.id,
      ids = { got.users.body.id, got.orders1.body.id, got.orders2.body.id, got.curled.body.id } }
  end,
})
gate.post("/each/{id}", {
  input = { body = { ids = "string[]" } },
  calls = { users = gate.each("{body.ids}", users:get "/id/{each}", { at_once = 3 }) },
  reply = { own = "{id}", each = "{users.body}" },
})
gate.post("/once/{id}", {
  calls = { users = users:post("/once/{id}", { json = { id = "{id}" } }) },
  reply = { own = "{id}", id = "{users.body.id}", n = "{users.body.n}" },
})
gate.post("/carried/{id}", {
  calls = { curled = curled:post("/once/{id}", { text = "a body" }) },
  reply = { own = "{id}", id = "{curled.body.id}", n = "{curled.body.n}" },
})
gate.get("/share/{id}/{n}", {
  calls = { common = common:get "/delay/15/id/{n}" }, reply = { own = "{id}", n = "{common.body.id}" },
})
gate.get("/soon/{id}", {
  within = "200ms", calls = { orders = orders:get "/delay/5/id/{id}" }, reply = { own = "{id}", id = "{orders.body.id}" },
})
gate.get("/partial/{id}", {
  calls = { users = users:get("/id/{id}", { optional = true }), cache = cache:echo("{id}", { fallback = "{id}" }) },
  reply = { own = "{id}", id = "{users.body.id}", cache = "{cache.body}" },
})
gate.get("/absent/{id}", { calls = { orders = orders:get("/status/404", { relay = { 404 } }) } })
gate.get("/number/{id}", { input = { query = { n = "integer" } }, calls = { users = users:get "/id/{id}" } })

-- Passed: up with its body, down with a long one, and files.
gate.put("/up/{id}", { pass = orders:put("/echo/{id}", { forward = { headers = { "x-soak" } } }) })
gate.get("/down/{id}/{n}", { pass = users:get("/bigchunk/{n}", { query = { header = "X-Soak: {id}" } }) })
gate.get("/long/{id}/{n}", { pass = curled:get("/big/{n}", { query = { header = "X-Soak: {id}" } }) })
gate.get("/static/{name}", { pass = pages:read "{name}" })
gate.get("/page/{id}/{name}", { calls = { pages = pages:read "{name}" }, reply = { own = "{id}", text = "{pages.body}" } })

gate.get("/lite/{id}", {
  calls = { lite = lite:one("select ? as id, count(*) as n from seed", "{id}") }, reply = { own = "{id}", row = "{lite.body}" },
})
gate.post("/lite/{id}", {
  calls = { lite = lite:atomic {
    lite:run("insert into once (id, n) values (?, 1) on conflict (id) do update set n = n + 1", "{id}"),
    lite:one("select id, n from once where id = ?", "{id}"),
  } },
  reply = { own = "{id}", row = "{lite.body[2]}" },
})
gate.get("/cache/{id}", { calls = { cache = cache:echo "{id}" }, reply = { own = "{id}", id = "{cache.body}" } })
gate.post("/cache/{id}", {
  calls = { cache = cache:atomic { cache:echo "{id}", cache:incr "once:{id}", cache:expire("once:{id}", 60) } },
  reply = { own = "{id}", id = "{cache.body[1]}", n = "{cache.body[2]}" },
})
gate.get("/compute/{id}", {
  calls = { compute = gate.compute("lib.score", "run", { args = { "{id}", 2000 } }) }, reply = { own = "{id}", score = "{compute.body}" },
})
gate.get("/grind/{id}", {
  calls = { compute = gate.compute("lib.score", "run", { args = { "{id}", 20000000 } }) }, reply = { own = "{id}" },
})
