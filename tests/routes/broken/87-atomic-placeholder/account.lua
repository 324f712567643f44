local gate = require "moongate"
local crm = gate.database "crm"

gate.post("/pay/{id}", {
  calls = {
    pay = crm:atomic {
      crm:run("select '{1,2}'::int[] where 1 = $1", "{id}"),
      crm:run("delete from t where id = {id}"),
    },
  },
})
