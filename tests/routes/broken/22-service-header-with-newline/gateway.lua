return {
  services = {
    users = {
      url     = "http://127.0.0.1:9001",
      headers = {
        ["x-tenant"]       = "a\r\nx-admin: yes",
        ["content-length"] = "5",
        ["x tenant"]       = "a",
      },
    },
  },
}
