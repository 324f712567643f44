std = "luajit"
max_line_length = 110
files["tests/**/*_spec.lua"] = { std = "+busted", max_line_length = 130 }
