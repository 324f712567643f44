-- What is left to do when a request has ended, however it did: `gate.finally(function(status) ... end)`.

local core    = require "moongate.core"
local limits  = require "moongate.limits"
local loading = require "moongate.loading"
local run     = require "moongate.run"
local words   = require "moongate.words"

local finally = {}

---Runs `fn` once after the reply, with time of its own; what was registered last runs first.
---@param fn fun(status: integer) gets the reply's status; 499 when the client left before there was one
function finally.add(fn)
  if type(fn) ~= "function" then
    loading.raise(("gate.finally takes a function, not %s"):format(words.show(fn)))
  elseif not core.finally(fn, limits.finals) then
    loading.raise(("gate.finally: a request has at most %d functions, and they have none themselves")
      :format(limits.finals))
  end
end

-- Stays on the stack while the author's function is under way.
local function enter(fn, status)
  local value = fn(status)
  return value
end
loading.roots[enter] = true

---What C calls for each of them: true, or as run.main does.
function finally.main()
  local fn, status = core.begin_final()
  local ok, raised = xpcall(enter, run.explain, fn, status)
  if ok then
    return true
  end
  return run.failure(raised, fn)
end

return finally
