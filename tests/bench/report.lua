-- For wrk: prints its figures as one line that a program can read. With "-- PATH COUNT" at the end
-- of the command line it asks for that path with {i} from 1 to COUNT, in turn.
-- luacheck: globals init request done wrk
local requests, next_one = {}, 0

function init(args)
  for i = 1, tonumber(args[2]) or 0 do
    requests[i] = wrk.format("GET", (args[1]:gsub("{i}", i)))
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
