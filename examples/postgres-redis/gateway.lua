return {
  listen    = "127.0.0.1:8080",
  databases = { shop = { url = env("POSTGRES", "postgres://app@127.0.0.1:29161/example"), at_once = 8 } },
  redis     = { cache = env("REDIS", "redis://127.0.0.1:29162") },
}
