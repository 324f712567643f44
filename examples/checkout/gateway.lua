return {
  listen   = "127.0.0.1:8080",
  services = { stock = env("STOCK", "http://127.0.0.1:29151"), bank = env("BANK", "http://127.0.0.1:29152") },
}
