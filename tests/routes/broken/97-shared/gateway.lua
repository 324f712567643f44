return { limits = { shraed = "1MiB" } }
