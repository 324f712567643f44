return {
  services = { users = "http://127.0.0.1:9001" },
  redis    = { cache = "redis://127.0.0.1:6379/0", other = "redis://127.0.0.1:6379/1" },
}
