std = "luajit"
max_line_length = 110
unused_args = false
exclude_files = { "tests/**/fixtures/**", "tests/routes/broken/**", "build*/**" } -- broken on purpose

-- gateway.lua may read the environment; specs of routes drive them as data.
files["**/gateway.lua"] = { std = "+gateway" }
stds.gateway = { read_globals = { "env" } }
stds.drive = { read_globals = { "drive", "ok", "status", "failed", "list", "null" } }
files["**/spec/*_spec.lua"] = { std = "+busted+drive" }
-- Definitions for editors: tables that only name things, and the global of gateway.lua.
files["lua/types"] = { globals = { "env", "drive", "ok", "status", "failed", "list", "null" }, ignore = { "241" } }
files["tests"] = { std = "+busted", max_line_length = 150 }
