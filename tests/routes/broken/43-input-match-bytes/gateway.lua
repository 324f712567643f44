return {
  services  = { users = "http://127.0.0.1:9001", orders = "http://127.0.0.1:9002" },
  databases = { shop = "sqlite:shop.db" },
  files     = { pages = "./pages" },
}
