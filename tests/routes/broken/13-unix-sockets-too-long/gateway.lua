local long = ("a"):rep(104)
return {
  listen   = "unix:" .. long,
  services = {
    a = "http://127.0.0.1:1",
    b = { url = { "unix:x",
      "unix:" .. long .. ":/api" } },
  },
}
