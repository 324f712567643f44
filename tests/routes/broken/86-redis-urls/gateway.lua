return {
  redis = {
    a = "http://127.0.0.1:6379",
    b = "rediss://127.0.0.1:6379",
    c = "redis://127.0.0.1:66379/0",
    d = "redis://cache@127.0.0.1/0",
    e = "redis://127.0.0.1/cache",
    f = { url = "redis://127.0.0.1", at_onec = 5 },
    g = { within = "1s" },
    h = "redis+unix://redis.sock",
    i = "redis://:s3cr%et@127.0.0.1/0",
    j = "redis+unix:///run/redis.sock?database=1",
    l = "redis://:s3cr/et@127.0.0.1/0",
    k = "redis://1.2.3/0",
  },
}
