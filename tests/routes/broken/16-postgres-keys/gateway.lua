return {
  databases = {
    shop = "sqlite:shop.db",
    crm  = {
      url     = "postgres://app@127.0.0.1/crm",
      at_onse = 8,
      readers = 4,
      waiting = "all",
      connect = "0ms",
    },
    log  = { url = "sqlite:log.db", at_once = 8 },
  },
}
