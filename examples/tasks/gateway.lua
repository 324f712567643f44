return {
  listen = "127.0.0.1:8080",
  limits = { tasks_at_once = 4 }, -- the fifth waits
}
