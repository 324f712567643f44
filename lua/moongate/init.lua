-- The library that route files see: `local gate = require "moongate"`.

local backend = require "moongate.backend"
local call    = require "moongate.call"
local chore   = require "moongate.chore"
local compute = require "moongate.compute"
local core    = require "moongate.core"
local crypto  = require "moongate.crypto"
local finally = require "moongate.finally"
local group   = require "moongate.group"
local loading = require "moongate.loading"
local many    = require "moongate.many"
local reply   = require "moongate.reply"
local run     = require "moongate.run"
local sandbox = require "moongate.sandbox"
local secret  = require "moongate.secret"
local shared  = require "moongate.shared"
local task    = require "moongate.task"
local words   = require "moongate.words"

local NOT_YET = { events = true, stream = true }

-- What waits can run in functions only: while files load there is no request to wait for.
local function running(name, fn)
  return function(...)
    if loading.active then
      loading.misuse(("%s is for running functions: while files load nothing is run"):format(name))
      return loading.ghost
    elseif loading.computes then
      loading.raise(("%s: a function that computes has no request and no backends, and cannot wait: "
        .. "make the call in the route, and give what came of it as an argument"):format(name))
    end
    return fn(...)
  end
end

call.methods.wait = running("call:wait()", run.wait)
call.methods.start = running("call:start()", run.start)

local function named(kind)
  return function(name)
    return backend.named(kind, name)
  end
end

---@class moongate.Gate
local gate = {
  every = function(...) return chore.every(...) end,
  task = function(...) return task.declare(...) end, accepted = running("gate.accepted", task.accepted),

  service = named "service", database = named "database", files = named "files",
  redis = named "redis", value = backend.value, each = backend.each, compute = compute.call,
  secret = secret.get,

  all = running("gate.all", run.all), sleep = running("gate.sleep", run.sleep),
  left = running("gate.left", run.left), shared = shared.named,
  finally = running("gate.finally", finally.add), map = running("gate.map", many.map),
  first = running("gate.first", many.first),
  as_completed = running("gate.as_completed", many.as_completed),

  reply = reply.reply, redirect = reply.redirect, fail = reply.fail,

  crypto = crypto, list = core.list, null = core.null,
  json = sandbox.read_only({ encode = core.encode, decode = core.decode, raw = core.raw }, "gate.json"),
}

group.verbs(gate)

local names = words.names(gate)

-- What is not in `gate`: not built, or misspelt.
setmetatable(gate, {
  __index = function(_, key)
    if NOT_YET[key] then
      loading.misuse(('not yet: "gate.%s"'):format(key), "not yet")
    elseif key == "head" or key == "options" then
      loading.misuse(("gate.%s: HEAD and OPTIONS come for free with the other methods"):format(key))
    else
      local shown = tostring(key)
      local nearest = words.nearest(shown, names)
      local hint = nearest and (": did you mean gate.%s?"):format(nearest)
        or words.hint(shown, names, "names")
      loading.misuse(("there is no gate.%s%s"):format(shown, hint))
    end
    return loading.ghost
  end,
})

local visible = sandbox.read_only(gate, "gate")
group.outermost(visible)
return visible
