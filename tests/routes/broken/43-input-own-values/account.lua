local gate = require "moongate"
local users = gate.service "users"

gate.get("/pattern", { input = { query = {
  name = { "string",
    match = "^[a-z" },
} }, calls = { user = users:get "/" } })

gate.get("/utf/{id}", { input = {
  id = { "string", match = "a{2,1}" },
}, calls = { user = users:get "/{id}" } })

gate.get("/default", { input = { query = {
  page = { "integer", min = 1,
    default = 0 },
} }, calls = { user = users:get "/" } })

gate.get("/defaults", { input = { query = {
  tags = { "string[]", default = { "ok", "No" }, match = "[a-z]+" },
} }, calls = { user = users:get "/" } })

gate.get("/one_of", { input = { headers = {
  sort = { "string", one_of = { "up", "downwards" }, max = 4 },
} }, calls = { user = users:get "/" } })

gate.get("/default_one_of", { input = { query = {
  sort = { "string", one_of = { "up", "down" }, default = "sideways" },
} }, calls = { user = users:get "/" } })
