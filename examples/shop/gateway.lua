return {
  listen    = "127.0.0.1:8080",
  services  = { stock = { url = env("STOCK", "http://127.0.0.1:29171"), within = "300ms" } },
  databases = { shop = "sqlite:shop.db" },                     -- products, people, orders
  redis     = { memory = env("REDIS", "redis://127.0.0.1:29162") }, -- sessions and baskets
  files     = { pages = "./pages", pictures = "./pictures" },
  secrets   = { pepper = env("PEPPER", "only to try it out") },
  limits    = { within = "2s" },
}
