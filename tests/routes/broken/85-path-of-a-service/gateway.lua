return {
  services = {
    users  = {
      url  = { "http://127.0.0.1:9001", "https://127.0.0.1:9002" },
      path = "plain",
    },
    orders = { url = "http://127.0.0.1:9003", path = "curl" },
  },
}
