return { listen = "unix:/run/moongate.sock" }
