return {
  databases = {
    shop = "sqlite:shop.db",
    crm  = { url = "postgres://app@127.0.0.1/crm", at_once = 8 },
  },
}
