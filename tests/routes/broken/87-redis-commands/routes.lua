local gate = require "moongate"
local users, cache, other = gate.service "users", gate.redis "cache", gate.redis "other"
gate.get("/{id}", {
  calls = {
    a = cache:subscribe "news",
    b = cache:blpop("list", 0),
    c = cache:multi(),
    d = cache:command("Select", 3),
    e = cache:hgetal "{id}",
    f = cache:set("k", { "a" }, "x"),
    g = cache:set("k", nil),
    h = cache:xread("BLOCK", 0, "STREAMS", "s", "$"),
    i = cache:command "XINFO STREAM s",
    j = cache:atomic {},
    k = cache:atomic { users:get "/" },
    l = cache:atomic { other:incr "n" },
    m = cache:atomic { cache:incr("n", { within = "1s" }) },
    n = cache:atomic { cache:atomic { cache:incr "n" } },
    o = cache.get "k",
    p = cache:shutdown(),
    q = cache:get("k", { timeout = "1s" }),
    r = cache:command(7),
    s = cache:watch "k",
  },
})
