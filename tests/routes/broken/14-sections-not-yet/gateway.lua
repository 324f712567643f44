return {
  admin   = "127.0.0.1:9180",
}
