return {
  limits = { body = "1MB" },
}
