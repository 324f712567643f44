-- The commands of Redis: which are methods of `gate.redis "name"`, and which cannot be sent over a
-- connection that all requests of a worker share, with what to write instead.

local words = require "moongate.words"

local redis = {}

-- Commands of Redis 7.0 that read and write data. All others are there by :command("NAME", ...).
---@type table<string, true>
redis.commands = {}
for name in ([[
  append bitcount bitfield bitfield_ro bitop bitpos copy dbsize decr decrby del dump echo eval eval_ro
  evalsha evalsha_ro exists expire expireat expiretime fcall fcall_ro flushall flushdb geoadd geodist
  geohash geopos georadius georadius_ro georadiusbymember georadiusbymember_ro geosearch geosearchstore
  get getbit getdel getex getrange getset hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen
  hmget hmset hrandfield hscan hset hsetnx hstrlen hvals incr incrby incrbyfloat info keys lastsave lcs
  lindex linsert llen lmove lmpop lpop lpos lpush lpushx lrange lrem lset ltrim memory mget move mset
  msetnx object persist pexpire pexpireat pexpiretime pfadd pfcount pfmerge ping psetex pttl publish
  pubsub randomkey rename renamenx restore role rpop rpoplpush rpush rpushx sadd scan scard script sdiff
  sdiffstore set setbit setex setnx setrange sinter sintercard sinterstore sismember smembers smismember
  smove sort sort_ro spop spublish srandmember srem sscan strlen substr sunion sunionstore time touch
  ttl type unlink xack xadd xautoclaim xclaim xdel xgroup xinfo xlen xpending xrange xread xreadgroup
  xrevrange xsetid xtrim zadd zcard zcount zdiff zdiffstore zincrby zinter zintercard zinterstore
  zlexcount zmpop zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrangestore zrank
  zrem zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore
  zrevrank zscan zscore zunion zunionstore]]):gmatch("%S+") do
  redis.commands[name] = true
end

local names = words.names(redis.commands)

local LISTENS = "its messages come unasked for, and the connection is shared: publish works, a stream "
  .. "(xadd, xread) can be asked for what is new"
local ATOMIC = "other requests' commands would come in between: write cache:atomic { call, ... }"
local SHARED = "it changes the connection, which all requests share"
local URL = SHARED .. ": user, password and database stand in the URL of gateway.lua"

-- Name -> what to do instead.
---@type table<string, string>
redis.refused = {
  subscribe = LISTENS, psubscribe = LISTENS, ssubscribe = LISTENS, unsubscribe = LISTENS,
  punsubscribe = LISTENS, sunsubscribe = LISTENS, monitor = LISTENS,
  sync = "it makes the connection a replica's", psync = "it makes the connection a replica's",
  replconf = "it makes the connection a replica's",
  multi = ATOMIC, exec = ATOMIC, discard = ATOMIC,
  watch = ATOMIC .. ", or a script by cache:eval(...)",
  unwatch = ATOMIC .. ", or a script by cache:eval(...)",
  select = URL, auth = URL, hello = URL,
  quit = SHARED, reset = SHARED, readonly = SHARED, readwrite = SHARED, asking = SHARED, client = SHARED,
}
for name, instead in pairs {
  blpop = "lpop", brpop = "rpop", brpoplpush = "rpoplpush", blmove = "lmove", blmpop = "lmpop",
  bzpopmin = "zpopmin", bzpopmax = "zpopmax", bzmpop = "zmpop",
} do
  redis.refused[name] = ("it waits, and with it every call on its connection: write cache:%s(...)")
    :format(instead)
end
redis.refused.wait = "it waits, and with it every call on its connection"
redis.refused.waitaof = redis.refused.wait

---What is wrong with sending this command, or nil.
---@param name string in any case
---@param args table its arguments, as far as they are known
---@return string?
function redis.wrong(name, args)
  local instead = redis.refused[name:lower()]
  if instead then
    return ("%s cannot be sent: %s"):format(name:upper(), instead)
  elseif name == "" or name:find("[^%w_.-]") then
    return ('%s is no command: write :command("NAME", ...), each argument by itself')
      :format(words.show(name))
  elseif name:lower() == "xread" or name:lower() == "xreadgroup" then
    for i = 1, args.n do
      local word = type(args[i]) == "string" and args[i]:upper()
      if word == "STREAMS" then
        break
      elseif word == "BLOCK" then
        return "BLOCK waits, and with it every call on its connection: ask again later instead"
      end
    end
  end
  return nil
end

---What to say of a method that is none.
---@param verb string
---@return string
function redis.unknown(verb)
  if redis.refused[verb:lower()] then
    return redis.wrong(verb, { n = 0 })
  end
  local nearest = words.nearest(verb, names)
  return ('no command "%s"%s'):format(verb, nearest and (': did you mean "%s"?'):format(nearest)
    or (': one that is not known here is sent by :command("%s", ...)'):format(verb:upper()))
end

return redis
