-- Who somebody is: a session in Redis, its token in a cookie or an Authorization header.
local gate  = require "moongate"
local login = require "lib.login"
local shop  = gate.database "shop"
local tries = gate.shared "tries"

local AT_MOST = 5 -- of one name, in a minute

gate.post("/login", {
  input = { body = { name = "string", password = "string" } },
  reply = function(req)
    local name = req.body.name
    if tries:incr(name, 1, "1m") > AT_MOST then
      gate.fail(429, "too many tries: wait a minute")
    end
    local found = shop:one("select id, name, password from people where name = ?", name, { accept = { 404 } })
    local person = found:wait().body
    if not person or not login.matches(person, req.body.password) then
      gate.fail(401, "no such name and password")
    end
    tries:delete(name)
    local token = login.open { id = person.id, name = person.name }
    return gate.reply {
      headers = { ["Set-Cookie"] = ("sid=%s; Path=/; HttpOnly; SameSite=Lax"):format(token) },
      json    = { name = person.name, token = token },
    }
  end,
})

gate.group("/me", login.required, function(me)
  me.get("", { reply = "{context.person}" })
  me.delete("", function(req)
    login.close(req)
    return gate.reply { status = 204 }
  end)
end)
