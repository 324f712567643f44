return {
  services = {
    users = {
      url     = "http://127.0.0.1:9001",
      headers = {
        ["x-user"] = "{profile.body.id}",
      },
    },
  },
}
