-- What this gateway listens on, and the backends that its routes may call.

---@type moongate.Config
return {
  listen = "127.0.0.1:8080",
  files  = { texts = "./texts" },
  -- services  = { users = "http://127.0.0.1:9001" },
  -- databases = { shop = "sqlite:shop.db" },
}
