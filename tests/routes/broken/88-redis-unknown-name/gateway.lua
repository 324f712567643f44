return { redis = { cache = "redis://127.0.0.1:6379/0" } }
