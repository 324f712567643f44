return {
  services = { store = env("STORE", "http://127.0.0.1:29121") },
  limits   = { body = "4MiB" }, -- of an upload; it is never in memory as a whole
}
