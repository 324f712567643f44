local gate = require "moongate"

gate.get("/hello/{name}", function(req)
  return { hello = req.params.name }
end)
