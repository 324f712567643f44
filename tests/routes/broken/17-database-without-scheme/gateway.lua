return {
  databases = { shop = "shop.db" },
}
