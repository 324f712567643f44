local gate = require "moongate"
local shop, pages = gate.database "shop", gate.files "pages"

gate.get("/json", { pass = pages:json "banner.json" })
gate.get("/list", { pass = pages:list "." })
gate.get("/row", { pass = shop:one "select 1" })
gate.get("/value", { pass = gate.value(1) })
gate.get("/mild/{rest...}", {
  pass = pages:read("{rest}", {
    optional = true,
    relay    = { 404 },
  }),
})
