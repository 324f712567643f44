-- How the figures are printed: a block for each workload, its first line the one that is compared;
-- the columns with an x are its figure divided by that of the line's server.
local output = { tty = false }

local load_head = ("%9s %7s %7s %7s %9s %8s %8s   %6s %6s %6s %6s"):format("requests", "user us",
  "krnl us", "CPU us", "req/s", "p50 ms", "p99 ms", "x CPU", "x req", "x p50", "x p99")

local function grouped(number)
  local text = ("%d"):format(number):reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return text
end

local function times(value)
  return value and ("%.2fx"):format(value) or ""
end

---Says what is done now, on a terminal.
function output.progress(text)
  if output.tty then
    io.stderr:write("\r\27[K", text or "")
  end
end

local function line(...)
  output.progress(nil)
  print((select(1, ...):format(select(2, ...)):gsub("%s+$", "")))
  io.stdout:flush()
end

output.line = line

---@param note string? of what it was done with
function output.head(workload, note)
  line ""
  local title = workload.title .. (note and " (" .. note .. ")" or "")
  if workload.measure then
    line("%-66s %10s %8s", title, workload.unit, "x")
  else
    line("%s", title)
    line("  %-18s %s", "", load_head)
  end
end

---One server's figures under load; `x`: the ratios of the first one's to them.
function output.load(label, f, x)
  x = x or {}
  line("  %-18s %9s %7.1f %7.1f %7.1f %9s %8.2f %8.2f   %6s %6s %6s %6s%s", label,
    grouped(f.requests), f.user, f.kernel, f.cpu, grouped(f.rate), f.p50, f.p99,
    times(x.cpu), times(x.rate), times(x.p50), times(x.p99),
    f.failed > 0 and ("   %d FAILED"):format(f.failed) or "")
end

function output.one(label, value, x)
  line("  %-64s %10.2f %8s", label, value, times(x))
end

function output.note(label, text)
  line("  %-18s %s", label, (text:gsub("%s+", " ")))
end

---One goal: held, missed or not measured.
function output.goal(word, text, figure, limit)
  line("%-12s %-62s %10s   %s", word, text, figure, limit)
end

return output
