return {
  limits = {
    heeder = "32KiB",
  },
}
