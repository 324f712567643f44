-- The gateway that tests/soak runs: a backend of every kind, of which the driver says where it is.
local crm = env("SOAK_CRM", "")

return {
  workers = 2,
  services = {
    users = env "SOAK_USERS",
    curled = { url = env "SOAK_USERS", path = "libcurl" },
    common = { url = env "SOAK_USERS", share = true },
    orders = env "SOAK_ORDERS", -- over a unix socket
  },
  databases = {
    lite = "sqlite:lite.db",
    crm = crm ~= "" and { url = crm, at_once = 8 } or nil,
  },
  redis = { cache = env "SOAK_CACHE" },
  files = { pages = "./pages" },
  limits = { result = "1MiB", within = "2s", requests = 3000, pass_idle = "2s" },
}
