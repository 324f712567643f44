return { listen = "127.0.0.1:29151", databases = { books = "sqlite:books.db" } }
