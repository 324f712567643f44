local gateway = {
  listen   = true,
  workers  = "many",
  services = { "http://127.0.0.1:9001" },
  files    = "pages",
}
return gateway
