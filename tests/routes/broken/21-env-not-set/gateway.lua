return {
  services = {
    users = env "MOONGATE_TEST_NOT_SET",
  },
}
