return {
  tasks = "postgres://app@127.0.0.1/shop",
  limits = { tasks_at_once = 0 },
}
