-- Is a reply what its request asked for? Ids are all of one form, so that one which belongs to another
-- request is told from any other difference: that is never forgiven.
local json = require "dkjson"

local verdict = {}

verdict.ID = "q%d+x%d+q"

local function foreign(text, id)
  for found in (text or ""):gmatch(verdict.ID) do
    if found ~= id then
      return found
    end
  end
end

-- What a problem says of the calls that failed: name -> kind.
local function calls_of(reply)
  local problem = json.decode(reply.body)
  local calls = {}
  for _, one in ipairs(type(problem) == "table" and problem.calls or {}) do
    calls[one.name] = one.kind
  end
  return calls, problem
end

local function missing_of(partial)
  local calls = {}
  for name, kind in partial:gmatch "([^=, ]+)=([%w_]+)" do
    calls[name] = kind
  end
  return calls
end

local function status(reply, expected)
  local calls, problem = calls_of(reply)
  if type(problem) == "table" and problem.request_id and problem.request_id ~= reply.headers["x-request-id"] then
    return { form = "wrong id", what = "a problem of the request " .. tostring(problem.request_id) }
  end
  if reply.status ~= expected then
    return { form = "status", what = ("%d, not %d"):format(reply.status, expected), calls = calls, status = reply.status }
  end
end

-- Nil, or what is wrong: { form, what, calls }. form: "none" (no reply), "cut", "wrong id", "status",
-- "content", "partial".
function verdict.judge(id, expected, reply, why)
  if not reply then
    return { form = "none", what = why }
  end
  local other = foreign(reply.body, id) or foreign(reply.headers["x-soak"], id) or foreign(reply.headers["x-after"], id)
    or foreign(reply.headers["location"], id)
  if other then
    return { form = "wrong id", what = "it has the id " .. other }
  elseif reply.cut then
    return { form = "cut", what = ("%s after %d bytes of a body"):format(reply.cut, #reply.body) }
  elseif reply.headers["x-request-id"] ~= id and reply.status ~= 408 then -- that had not read it yet
    return { form = "wrong id", what = "its X-Request-Id is " .. tostring(reply.headers["x-request-id"]) }
  end
  local wrong = (reply.status ~= (expected.status or 200) or reply.status >= 400) and status(reply, expected.status or 200)
  if wrong then
    return wrong
  end
  local partial = reply.headers["moongate-partial"]
  if partial then
    return { form = "partial", what = "without " .. partial, calls = missing_of(partial) }
  end
  local problem = expected.body and reply.body ~= expected.body and "another body" or expected.check and expected.check(reply)
  return problem and { form = "content", what = problem } or nil
end

return verdict
