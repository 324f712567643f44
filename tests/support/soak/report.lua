-- What a soak says at its end: print(report.of(result)), and whether all of it holds.
local gauge = require "support.soak.gauge"
local places = require "support.places"

local report = {}

local FDS_MORE, RSS_MORE, SLOPE_MOST, SLOPE_FROM = gauge.FDS_MORE, 32 * 1024, 1024, 20 * 60000

local function counted(title, counts)
  local parts = {}
  for name, count in pairs(counts) do
    parts[#parts + 1] = name .. " " .. count
  end
  table.sort(parts)
  return ("%s: %s"):format(title, #parts > 0 and table.concat(parts, ", ") or "none")
end

-- Memory between the first third, when caches fill, and the end, of one process.
local function memory(result)
  local samples, settled = result.samples, {}
  local last = samples[#samples]
  for i = math.floor(#samples / 3) + 1, #samples do
    if samples[i][2] and samples[i][3] == last[3] then
      settled[#settled + 1] = samples[i]
    end
  end
  local slope = gauge.slope(settled)
  local long = #settled > 1 and settled[#settled][1] - settled[1][1] >= SLOPE_FROM
  return slope, long
end

-- Text, the list of what does not hold, and the figures: { what, value, limit, holds }.
function report.of(result)
  local lines, bad, figures = {}, {}, {}
  local books, before, after = result.ledger, result.rests[1], result.rests[2]
  local function say(format, ...)
    lines[#lines + 1] = format:format(...)
  end
  local function hold(name, value, limit, ok)
    figures[#figures + 1] = { name, tostring(value), tostring(limit), ok }
    say("%-52s %12s  %-10s %s", name, tostring(value), tostring(limit), ok and "held" or "NOT HELD")
    if not ok then
      bad[#bad + 1] = name
    end
  end
  for _, text in ipairs(books.shown) do
    say("%s", text)
  end
  say("%s", counted("requests", books.asked))
  say("%s", counted("replies", books.statuses))
  say("%s", counted("losses explained", books.explained))
  if #books.unexplained > 0 then
    say("%s", counted("losses unexplained", books.sorts))
  end
  say("clients that left: %d; behind a reply that closed the connection: %d; slow machine: %d times, %.0f ms at most",
    books.left, books.behind, result.slow_count, result.slow_most)
  local slope, long = memory(result)
  hold("requests", books.requests, "> 0", books.requests > 0)
  hold("losses that no fault explains", #books.unexplained, 0, #books.unexplained == 0)
  hold("replies with an id of another request", books.wrong, 0, books.wrong == 0)
  hold("gate.finally: begun - ended", result.counts.begun - result.counts.ended, 0, result.counts.begun == result.counts.ended)
  hold("descriptors at rest, after - before", after.fds - before.fds, "<= " .. FDS_MORE, after.fds - before.fds <= FDS_MORE)
  if after.fds - before.fds > FDS_MORE then
    say("%s", counted("  before", before.kinds))
    say("%s", counted("  after", after.kinds))
  end
  hold("threads at rest, after - before", after.threads - before.threads, "<= 0", after.threads <= before.threads)
  if places.sanitize == "" then
    hold("memory at rest, KiB, after - before", after.rss - before.rss, "<= " .. RSS_MORE, after.rss - before.rss <= RSS_MORE)
    hold("slope of memory, KiB an hour", ("%.0f"):format(slope), long and "<= " .. SLOPE_MOST or "(too short)",
      not long or slope <= SLOPE_MOST)
  end
  hold("the gateway ends with code 0, no reports", result.stopped and "yes" or "no", "yes", result.stopped)
  if not result.stopped then
    say("%s", tostring(result.why_not))
  end
  return table.concat(lines, "\n"), bad, figures
end

return report
