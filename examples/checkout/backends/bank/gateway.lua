return { listen = "127.0.0.1:29152", databases = { books = "sqlite:books.db" } }
