return {
  services  = { users = "http://127.0.0.1:9001" },
  databases = { shop = "sqlite:shop.db", crm = "postgres://app@127.0.0.1/crm" },
}
