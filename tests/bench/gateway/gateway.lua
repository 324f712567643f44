-- The gateway that the benchmark measures. Where its backends are comes from the environment.
return {
  listen = "127.0.0.1:0",
  services = {
    users  = { url = env "BENCH_USERS" },
    orders = { url = env "BENCH_ORDERS" },
    wallet = { url = env "BENCH_WALLET" },
    hold1  = { url = env "BENCH_SLOW", within = "60s" },
    hold2  = { url = env "BENCH_SLOW", within = "60s" },
    hold3  = { url = env "BENCH_SLOW", within = "60s" },
    slow   = { url = env "BENCH_SLOW", at_once = 2000 },
  },
  databases = { shop = "sqlite:" .. env "BENCH_DB" },
  files = { pages = "./pages" },
}
