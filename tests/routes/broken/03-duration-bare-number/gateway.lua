return {
  services = {
    orders = { url = "http://127.0.0.1:9002", within = 150 },
  },
}
