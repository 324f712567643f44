return {
  services = { users = "http://me:secret@127.0.0.1:9001" },
}
