-- Sessions: who holds a token is who it was made for, for an hour.
local gate   = require "moongate"
local memory = gate.redis "memory"

local HOUR = 3600 -- s

local login = {}

---Whether this is the person's password, of which only a digest under the shop's secret is kept. (A shop that
---is more than an example takes a slow digest, from a service made for it.)
function login.matches(person, password)
  local digest = gate.crypto.hmac(gate.secret "pepper", person.name .. ":" .. password)
  return gate.crypto.equal(gate.crypto.hex(digest), person.password)
end

local function token_of(req)
  return req.cookies.sid or (req.headers.authorization or ""):match "^Bearer (%S+)$"
end

---A new session; its token.
function login.open(person)
  local token = gate.crypto.uuid()
  memory:set("session:" .. token, gate.json.encode(person), "EX", HOUR):wait()
  return token
end

function login.close(req)
  memory:del("session:" .. token_of(req)):wait()
end

---The keys of groups that are for people who have signed in: they find req.context.person, and nobody keeps
---what they are told.
login.required = {
  before = function(req)
    local token = token_of(req)
    local found = token and memory:get("session:" .. token):wait().body
    if not found or found == gate.null then
      gate.fail(401, "sign in first: POST /login")
    end
    req.context.person = gate.json.decode(found)
  end,
  after = function(_, reply)
    reply.headers["Cache-Control"] = "no-store"
  end,
}

return login
