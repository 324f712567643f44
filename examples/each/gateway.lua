return {
  listen   = "127.0.0.1:8080",
  services = { products = env("PRODUCTS", "http://127.0.0.1:29131") },
  files    = { orders = "./orders" },
}
