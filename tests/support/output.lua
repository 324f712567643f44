-- busted's results as tests/run shows them: a line for each spec file, failures as they happen, and
-- the line "N passed, N failed" (with ", N skipped" where there are any) at the end.
local places = require "support.places"

local function short(path)
  local prefix = places.checkout .. "/"
  return path:sub(1, #prefix) == prefix and path:sub(#prefix + 1) or path
end

local function words(message)
  if type(message) == "string" then
    return message
  end
  return message == nil and "no message" or require("pl.pretty").write(message)
end

return function()
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()
  local passed, failed, skipped = 0, 0, 0
  local file

  local function say(format, ...)
    io.write(format:format(...), "\n")
    io.flush()
  end

  local function complain(kind, element, message, trace)
    failed = failed + 1
    if file then
      file.failed = file.failed + 1
    end
    say("  %s: %s", kind, handler.getFullName(element))
    local place = element.trace or trace
    if place and place.short_src then
      say("    %s:%d", short(place.short_src), place.currentline or 0)
    end
    say("    %s", (words(message):gsub("\n", "\n    ")))
    if kind == "error" and trace and trace.traceback then
      say("    %s", (trace.traceback:gsub("\n", "\n    ")))
    end
  end

  busted.subscribe({ "file", "start" }, function(element)
    file = { name = short(element.name), passed = 0, failed = 0, skipped = 0 }
    file.at = busted.monotime()
    return nil, true
  end)

  busted.subscribe({ "file", "end" }, function()
    local ms = (busted.monotime() - file.at) * 1000
    say("%-6s %-48s %4d passed %3d failed %3d skipped %7.0f ms",
      file.failed > 0 and "FAILED" or "ok", file.name, file.passed, file.failed, file.skipped, ms)
    file = nil
    return nil, true
  end)

  busted.subscribe({ "test", "end" }, function(_, _, status)
    if status == "success" then
      passed = passed + 1
      file.passed = file.passed + 1
    elseif status == "pending" then
      skipped = skipped + 1
      file.skipped = file.skipped + 1
    end
    return nil, true
  end)

  busted.subscribe({ "failure" }, function(element, _, message, trace)
    complain("failure", element, message, trace)
    return nil, true
  end)

  busted.subscribe({ "error" }, function(element, _, message, trace)
    complain("error", element, message, trace)
    return nil, true
  end)

  busted.subscribe({ "suite", "end" }, function()
    say("%d passed, %d failed%s", passed, failed,
      skipped > 0 and (", %d skipped"):format(skipped) or "")
    return nil, true
  end)

  return handler
end
