local gate = require "moongate"
local shop, crm, users = gate.database "shop", gate.database "crm", gate.service "users"

gate.post("/pay/{id}", {
  calls = {
    a = shop:atomic(shop:run "delete from t"),
    b = shop:atomic {},
    c = shop:atomic { pay = shop:run "delete from t" },
    d = shop:atomic { shop:run "delete from t", crm:run "delete from t" },
    e = shop:atomic { users:get "/x" },
    f = crm:atomic { crm:atomic { crm:run "delete from t" } },
    g = crm:atomic { crm:run("delete from t", { within = "1s" }) },
    h = crm:atomic { "delete from t" },
    i = crm:atomc { crm:run "delete from t" },
    j = crm.atomic { crm:run "delete from t" },
    k = crm:atomic({ crm:run "delete from t" }, { withn = "1s" }),
  },
})
