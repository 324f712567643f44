local gate          = require "moongate"
local users, orders = gate.service "users", gate.service "orders"
local shop, crm     = gate.database "shop", gate.database "crm"
local cache         = gate.redis "cache"
local hits          = gate.shared "hits"

gate.get("/feed", function()
  local me  = users:get("/me", { forward = { headers = { "authorization" } } }):wait()
  local got = gate.all {
    posts   = users:get("/by/{id}", { params = { id = me.body.id } }),
    friends = orders:get("/friends/{id}", { params = { id = me.body.id }, optional = true }),
  }
  return { me = me.body, posts = got.posts.body, friends = got.friends.body or gate.null }
end)

gate.get("/slow", {
  within = "1m",
  reply  = function()
    gate.sleep "10s"
    return { left = gate.left() }
  end,
})

gate.get("/gift", {
  calls = {
    who  = users:get "/who",
    gift = users:get("/gift", { optional = true, when = function(_, got) return got.who.body.kind end, needs = "who" }),
  },
})

gate.get("/first", function()
  local result, key = gate.first { a = users:get "/a", b = orders:get "/b" }
  return { from = key, body = result.body }
end)

gate.get("/hits/{page}", function(req)
  return { hits = hits:incr(req.params.page, 1, "1m") }
end)

gate.get("/hash/{text}", function(req)
  return gate.crypto.hex(gate.crypto.sha256(req.params.text))
end)

gate.post("/pay", {
  calls = { paid = orders:post("/pay", { json = { cents = "{body.cents}" } }) },
})

gate.post("/move", function(req)
  local moved = crm:atomic {
    crm:run("update a set n = n - $1 where id = $2", req.body.n, 1),
    crm:query "select id from a",
  }:wait()
  local row = shop:one("select name from users where id = ?", 7):wait()
  local pair = cache:atomic { cache:set("k", "v", "EX", 60), cache:get "k" }:wait()
  return { moved = moved.body, name = row.body.name, pair = pair.body, one = cache:get("k"):wait().body }
end)

gate.get("/broken", function()
  local nobody = nil -- as it comes
  return { name = nobody.name }
end)

gate.group("/my", {
  before = function(req)
    local who = users:get("/session", { forward = { headers = { "cookie" } }, optional = true }):wait()
    if not who.ok then
      return gate.reply { status = 401, json = { error = "sign in first" } }
    end
    req.context.user = who.body
  end,
  after = function(_, reply)
    reply.headers["Cache-Control"] = "no-store"
  end,
}, function(my)
  my.get("/orders", { calls = { orders = orders:get "/users/{context.user.id}/orders" } })
end)

gate.get("/tenant", { host = "{tenant}.example.com", calls = { who = gate.value({ is = "{tenant}" }, { delay = "2s" }) } })

gate.get("/score/{n}", {
  input = { n = "integer" },
  calls = { score = gate.compute("lib.score", "run", { args = { "{n}" } }) },
})

local report = gate.task("report", { owner = "{headers.x-user}" }, function() end)
gate.post("/reports", function(req)
  return gate.accepted(report:start { month = req.body.month })
end)
gate.group("/reports", {}, function(api)
  report:routes(api)
end)
