-- What every failure's reply is held to (RFC 9457): application/problem+json with title, status,
-- detail and the request's id, and the failed calls where there are any.
--   local json = problem.check(reply, 504, { orders = "timeout" })   -- `calls`: name -> kind
local assert = require "luassert"
local problem = {}

-- The JSON; `calls` nil: the problem must not name any.
function problem.check(reply, status, calls)
  assert.same({ status, "application/problem+json" },
    { reply.status, reply.headers["content-type"] }, reply.body)
  local json = reply:json()
  assert.equal(status, json.status)
  assert.is_true(type(json.title) == "string" and json.title ~= "", reply.body)
  assert.is_true(type(json.detail) == "string" and json.detail ~= "", reply.body)
  assert.is_true(type(json.request_id) == "string" and json.request_id ~= "", reply.body)
  assert.equal(reply.headers["x-request-id"], json.request_id)
  assert.equal(status == 503, reply.headers["retry-after"] ~= nil, "Retry-After comes with 503")
  local named
  for _, call in ipairs(json.calls or {}) do
    named = named or {}
    assert.is_nil(named[call.name], reply.body)
    named[call.name] = call.kind
  end
  assert.same(calls, named, reply.body)
  return json
end

return problem
