return {
  services = {
    users = { url = {
      "http://127.0.0.1:9001",
      "http://127.0.0.1:9002/?x=1",
    } },
  },
}
