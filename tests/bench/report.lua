-- For wrk: prints its figures as one line that a program can read. With paths behind "--" on the
-- command line it asks for each of them in turn.
-- luacheck: globals init request done wrk
local requests, next_one = {}, 0

function init(args)
  for i, path in ipairs(args) do
    requests[i] = wrk.format("GET", path)
  end
  if #requests > 0 then
    request = function()
      next_one = next_one % #requests + 1
      return requests[next_one]
    end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(("figures requests=%d us=%d bytes=%d failed=%d timeouts=%d p50=%d p99=%d\n"):format(
    summary.requests, summary.duration, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status, errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
