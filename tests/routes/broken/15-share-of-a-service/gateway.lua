return {
  services = {
    users = { url = "http://127.0.0.1:9001",
              share = "yes" },
    orders = { url = "http://127.0.0.1:9002", shared = true },
  },
  databases = {
    shop = { url = "sqlite:shop.db", share = true },
  },
}
