return {
  listen = "127.0.0.1:8080",
  limits = { shared = "16MiB" }, -- beyond it what was not used for longest gives way
}
