return {
  listen    = "127.0.0.1:29121",
  databases = { store = "sqlite:store.db" },
  limits    = { body = "4MiB" },
}
