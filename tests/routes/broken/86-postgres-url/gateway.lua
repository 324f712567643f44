return {
  databases = {
    a = "postgres:shop",
    b = "postgres://app@db_1:543219/shop",
    c = "postgres://app:hunter2@one,two/shop",
    d = "postgres://app:hunter2@x@127.0.0.1/shop",
    e = "postgres://app:hunter2/x@127.0.0.1/shop",
    f = "postgres://app:hunter2?x@127.0.0.1/shop",
    g = "postgres://app:hunter2%@127.0.0.1/shop",
    h = "postgres://app@127.0.0.1/shop?sslmod=require",
    i = "postgres://app@127.0.0.1/shop?sslmode=requires",
    j = "postgres:///shop?host=db.example.com",
    k = "postgres://app:hunter2@[::1/shop",
  },
}
