return {
  services = {
    users  = "http://127.0.0.1:9001",
    orders = {
      url   = "http://127.0.0.1:9002",
      withn = "150ms",
    },
  },
}
