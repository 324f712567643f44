return {
  admin   = "127.0.0.1:9180",
  redis   = { cache = "redis://127.0.0.1:6379/0" },
  secrets = { stripe = env("STRIPE", "none") },
}
