return { listen = "127.0.0.1:29131", databases = { shop = "sqlite:products.db" } }
