-- The gateway that examples/run serves. Its three services are gateways too, in backends/.
return {
  listen    = "127.0.0.1:8080",
  services  = {
    users  = env("USERS", "http://127.0.0.1:29101"),
    orders = { url = env("ORDERS", "http://127.0.0.1:29102"), within = "150ms" },
    credit = env("CREDIT", "http://127.0.0.1:29103"),
  },
  databases = { shop = "sqlite:shop.db" },
  files     = { pages = "./pages" },
}
