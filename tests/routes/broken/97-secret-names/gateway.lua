return { secrets = { stripe = "sk_live" } }
