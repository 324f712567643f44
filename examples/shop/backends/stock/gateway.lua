return { listen = "127.0.0.1:29171", databases = { store = "sqlite:store.db" } }
