-- What waits here holds no thread: not the calls to the API, not the delays that stand for a slow
-- file and a slow database. /blocking does hold one, of a pool of its own.
return {
  listen    = "127.0.0.1:8080",
  services  = {
    -- 1,000 clients that each wait 0.3 s for it are 1,000 calls in flight.
    api = { url = env("API", "http://127.0.0.1:29111"), at_once = 2000, waiting = 8192 },
  },
  databases = {
    store  = "sqlite:store.db",
    blocks = { url = "sqlite:blocks.db", readers = 1 },
  },
  files     = { pages = "./pages" },
}
