-- Both calls are made at once, so that the reply takes as long as the slower one.

local gate  = require "moongate"
local texts = gate.files "texts"

gate.get("/hello/{name}", {
  within = "1s",
  calls  = {
    greeting = texts:json "greeting.json",
    weather  = gate.value({ sky = "clear" }, { delay = "50ms", optional = true }), -- stands for a service
  },
  reply  = { text = "{greeting.body.text}, {name}!", sky = "{weather.body.sky}" },
})

gate.get("/", function()
  return gate.redirect "/hello/world"
end)
