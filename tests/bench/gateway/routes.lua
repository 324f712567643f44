local gate                  = require "moongate"
local users, orders, wallet = gate.service "users", gate.service "orders", gate.service "wallet"
local slow                  = gate.service "slow"
local shop, pages           = gate.database "shop", gate.files "pages"

gate.get("/hello", function()
  return { message = "hello" }
end)

gate.get("/hello-template", { reply = { message = "hello" } })

-- The same three calls and the same reply in each of the forms that a route can have.
local function three()
  return {
    profile = users:get "/users/{id}",
    orders  = orders:get "/orders/{id}",
    wallet  = wallet:get "/wallet/{id}",
  }
end

gate.get("/fan3/{id}", {
  calls = three(),
  reply = function(_, got)
    return { profile = got.profile.body, orders = got.orders.body, wallet = got.wallet.body }
  end,
})

gate.get("/fan3-template/{id}", {
  calls = three(),
  reply = { profile = "{profile.body}", orders = "{orders.body}", wallet = "{wallet.body}" },
})

gate.get("/fan3-none/{id}", { calls = three() })

gate.get("/fan3-all/{id}", function(req)
  local from = { params = { id = req.params.id } }
  local got = gate.all {
    profile = users:get("/users/{id}", from),
    orders  = orders:get("/orders/{id}", from),
    wallet  = wallet:get("/wallet/{id}", from),
  }
  return { profile = got.profile.body, orders = got.orders.body, wallet = got.wallet.body }
end)

local twenty, from = {}, { users, orders, wallet }
for i = 1, 20 do
  twenty["part" .. i] = from[(i - 1) % 3 + 1]:get("/part/" .. i)
end

gate.get("/fan20/{id}", {
  calls = twenty,
  reply = function(_, got)
    local merged = {}
    for i = 1, 20 do
      merged["part" .. i] = got["part" .. i].body
    end
    return merged
  end,
})

gate.get("/file", { calls = { page = pages:json "page.json" } })

gate.get("/row/{id}", {
  calls = { row = shop:one("select name, points from wallet where id = ?", "{id}") },
})

-- A file, a row and an API that take 100, 200 and 300 ms, asked at once.
gate.get("/pool", {
  calls = {
    file_late = gate.value("late", { delay = "100ms" }),
    db_late   = gate.value("late", { delay = "200ms" }),
    file      = pages:read("result_file.txt", { needs = "file_late" }),
    db        = shop:one("select value from result where name = ?", "read_db", { needs = "db_late" }),
    api       = slow:get "/api",
  },
  reply = function(_, got)
    return { result_file = got.file.body, read_db = got.db.body.value, read_api = got.api.body }
  end,
})

-- Three calls that no backend answers, for the memory of a request that waits.
gate.get("/hold", {
  within = "60s",
  calls = {
    a = gate.service "hold1":get "/wait",
    b = gate.service "hold2":get "/wait",
    c = gate.service "hold3":get "/wait",
  },
})
