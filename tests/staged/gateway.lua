-- A gateway whose routes ask for everything there is, for the specs beside it: nothing of it is opened.
return {
  services  = {
    users  = "http://127.0.0.1:1/prefix",
    orders = { url = "http://127.0.0.1:1", within = "40s", headers = { ["x-tenant"] = "moon" } },
    store  = "http://127.0.0.1:1",
  },
  databases = { shop = "sqlite:no/such/folder/shop.db", crm = "postgres://nobody@127.0.0.1:1/crm" },
  redis     = { cache = "redis://127.0.0.1:1/0" },
  files     = { pages = "./no-such-folder" },
  secrets   = { key = "a secret of nobody" },
  limits    = { result = "64KiB" },
}
