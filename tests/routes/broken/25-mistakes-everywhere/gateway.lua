return {
  services = { users = "127.0.0.1:9001" },
  worker   = 2,
}
