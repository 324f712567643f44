local port = 8080
address = "127.0.0.1:" .. port
return { listen = address }
