-- What is raised to end a request: a table with status, title, detail and the failed calls, which
-- becomes a problem (RFC 9457). Scripts see it in pcall.

local core    = require "moongate.core"
local loading = require "moongate.loading"

local problem = {}

---@class moongate.Problem.Raised
---@field status integer
---@field title string
---@field detail string?
---@field calls { name: string, kind: string, status: integer? }[]?
---@field file string? of the route
---@field line integer?
local metatable = {
  __tostring = function(self)
    local place = self.file and ("%s:%d: "):format(self.file, self.line) or ""
    return ("%s%d %s%s"):format(place, self.status, self.title, self.detail and ": " .. self.detail or "")
  end,
  __metatable = false,
}

---@param raised any
---@return boolean
function problem.is(raised)
  return type(raised) == "table" and debug.getmetatable(raised) == metatable
end

---Raises a problem. `fields` may have headers (sent with it), calls, members of the author's, and
---log, which is written there behind the place.
---@param status integer
---@param detail string?
---@param fields table?
function problem.raise(status, detail, fields)
  local _, title = core.status(status)
  local raised = { status = status, title = title ~= "" and title or "Error", detail = detail }
  if type(fields) == "table" then
    raised.headers, raised.calls, raised.members = fields.headers, fields.calls, fields.members
  end
  raised.file, raised.line = loading.place()
  if fields and fields.log then
    raised.log = ("%s:%d: %s"):format(raised.file, raised.line, fields.log)
  end
  error(setmetatable(raised, metatable), 0)
end

---The place in the route's files where the code that runs stands, as "file:line: ".
---@return string
function problem.place()
  local file, line = loading.place()
  return ("%s:%d: "):format(file, line)
end

return problem
