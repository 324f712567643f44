-- The gateway for what is passed through unread.
return {
  listen = "127.0.0.1:0",
  services = { blobs = { url = env "BENCH_USERS", within = "60s" } },
}
