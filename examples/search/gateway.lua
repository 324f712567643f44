-- Five shards; here one program stands for all of them.
local shards = env("SHARDS", "http://127.0.0.1:29141")

return {
  listen   = "127.0.0.1:8080",
  services = {
    s1 = shards .. "/1", s2 = shards .. "/2", s3 = shards .. "/3", s4 = shards .. "/4", s5 = shards .. "/5",
  },
}
