-- The whole of a file: slurp(path), "" when it is not there.
return function(path)
  local file = io.open(path, "rb")
  local text = file and file:read "*a" or ""
  if file then
    file:close()
  end
  return text
end
