return {
  limits = {
    within = "5s",
    body   = 4096,
  },
}
