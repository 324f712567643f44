local long = ("a"):rep(103)
return {
  listen   = { "127.0.0.1:0",
    "unix:/run/moongate.sock?mode=888",
    "unix:/run/" .. long,
    "unix:/run/" },
  services = {
    a = "unix:/run/app.sock:api",
    b = { url = "unix:" },
    c = "unix:/run/app.sock:/{id}",
  },
  trusted  = { "unix:/run/x" },
}
