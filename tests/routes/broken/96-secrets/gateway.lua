return {
  secrets = {
    stripe = "sk_live",
    empty  = "",
    number = 7,
    ["a b"] = "x",
  },
}
