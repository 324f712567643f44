-- What runs in one go: the function of an `update`, `when`, and a module while it is loaded, which
-- others would find half loaded. Meanwhile nothing is called or
-- waited for; what would do so raises at the author's line.

local loading = require "moongate.loading"

local still = {}

local why -- nothing may be called or waited for; nil: it may

---@param reason string? what is told to the author; nil: it is over
---@return string? reason that held before
function still.set(reason)
  local before = why
  why = reason
  return before
end

---Raises where nothing may be called or waited for.
function still.check()
  if why then
    loading.raise(why)
  end
end

return still
