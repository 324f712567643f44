return {
  limits = {
    headers = 1000000,
    header  = "1B",
  },
}
