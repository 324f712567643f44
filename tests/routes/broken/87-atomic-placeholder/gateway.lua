return {
  databases = { crm = "postgres://app@127.0.0.1/crm" },
}
