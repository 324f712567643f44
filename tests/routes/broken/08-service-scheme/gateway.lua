return {
  services = {
    old = "ftp://127.0.0.1/",
  },
}
