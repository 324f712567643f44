-- gate.crypto: digests, encodings of bytes, random ids. Digests are bytes: hex or base64 writes them.

local core    = require "moongate.core"
local limits  = require "moongate.limits"
local loading = require "moongate.loading"
local sandbox = require "moongate.sandbox"
local units   = require "moongate.units"
local words   = require "moongate.words"

local crypto = {}

local BUCKETS_MOST = 2 ^ 31

-- Raises unless it is a text of a length that is worked through at once.
local function check(what, text)
  if type(text) ~= "string" then
    loading.raise(("gate.crypto.%s takes texts, not %s"):format(what, words.show(text)))
  elseif #text > limits.crypto_text then
    loading.raise(("gate.crypto.%s: a text is at most %s long"):format(what,
      units.write_size(limits.crypto_text)))
  end
end

---@param text string
---@return string digest 32 bytes
function crypto.sha256(text)
  check("sha256", text)
  return (core.sha256(text))
end

---HMAC-SHA-256.
---@param key string
---@param text string
---@return string digest 32 bytes
function crypto.hmac(key, text)
  check("hmac", key)
  check("hmac", text)
  return (core.hmac(key, text))
end

---Whether both are the same, told in a time that does not show where they differ. False unless
---both are texts.
---@param a any
---@param b any
---@return boolean
function crypto.equal(a, b)
  return type(a) == "string" and type(b) == "string" and core.equal(a, b)
end

local function coding(name)
  crypto[name] = function(text)
    check(name, text)
    return (core.code(text, name))
  end
end

coding "hex"
coding "unhex"     -- nil when it is no hex
coding "base64"
coding "base64url" -- without padding
coding "unbase64"  -- either alphabet, padded or not; nil when it is none

---A random UUID (version 4).
---@return string
function crypto.uuid()
  return (core.uuid())
end

---A number from 0 to n - 1 that is always the same for a key, on every machine: the first 8 bytes
---of the key's SHA-256, big-endian, modulo n.
---@param key string
---@param n integer
---@return integer
function crypto.bucket(key, n)
  check("bucket", key)
  if type(n) ~= "number" or n % 1 ~= 0 or n < 1 or n > BUCKETS_MOST then
    loading.raise(("gate.crypto.bucket: how many there are is a whole number from 1 on, not %s")
      :format(words.show(n)))
  end
  return (core.bucket(key, n))
end

local names = words.names(crypto)

setmetatable(crypto, {
  __index = function(_, key)
    return loading.unknown("there is no gate.crypto.%s", key, names, "names")
  end,
})

return sandbox.read_only(crypto, "gate.crypto")
