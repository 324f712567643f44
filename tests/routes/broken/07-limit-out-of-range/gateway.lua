return {
  limits = {
    depth  = 1000000,
    header = "1B",
  },
}
