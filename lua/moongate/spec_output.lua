-- What `moongate test` prints: a line for each spec file, failures below it, the counts at the end;
-- or all of it as one JSON object.

local json = require "moongate.json_core"

local COLOURS = { ok = "\27[32m", FAILED = "\27[31m", pending = "\27[33m" }

---@param busted table
---@param options { dir: string, json: boolean, colours: boolean }
---@param notes fun(): string[] of the test that has just failed
---@return { passed: integer, failed: integer, pending: integer }
return function(busted, options, notes)
  local count = { passed = 0, failed = 0, pending = 0 }
  local tests, failures = json.list {}, {}
  local file, began

  local function short(path)
    local prefix = options.dir:gsub("/+$", "") .. "/"
    return path:sub(1, #prefix) == prefix and path:sub(#prefix + 1) or path
  end

  local function paint(word)
    local padded = ("%-7s"):format(word)
    return options.colours and COLOURS[word] .. padded .. "\27[0m" or padded
  end

  local function say(format, ...)
    if not options.json then
      io.write(format:format(...), "\n")
      io.flush()
    end
  end

  local function full_name(element)
    local names = {}
    while element and element.descriptor ~= "file" and element.descriptor ~= "suite" do
      table.insert(names, 1, element.name or element.descriptor)
      element = busted.context.parent(element)
    end
    return table.concat(names, " ")
  end

  local function note_test(element, state, ms, message, lines)
    tests[#tests + 1] = {
      file = file and short(file.name), line = element.trace and element.trace.currentline,
      name = full_name(element), state = state, ms = ms, message = message, notes = lines,
    }
  end

  local function complain(element, _, message)
    local lines = notes()
    count.failed = count.failed + 1
    if file then
      file.failed = file.failed + 1
    end
    note_test(element, "failed", 0, tostring(message), json.list(lines))
    failures[#failures + 1] = { name = full_name(element), message = tostring(message), notes = lines }
    return nil, true
  end

  local function show_failures()
    for _, one in ipairs(failures) do
      say("  %s %s", paint "FAILED", one.name)
      say("    %s", (one.message:gsub("\n", "\n    ")))
      for _, line in ipairs(one.notes) do
        say("    %s", line)
      end
    end
    failures = {}
  end

  busted.subscribe({ "file", "start" }, function(element)
    file = { name = element.name, passed = 0, failed = 0, pending = 0 }
    began = busted.monotime()
    return nil, true
  end)

  busted.subscribe({ "test", "end" }, function(element, _, state)
    if state == "success" then
      count.passed, file.passed = count.passed + 1, file.passed + 1
      note_test(element, "passed", math.floor((element.duration or 0) * 1e6 + 0.5) / 1e3)
    elseif state == "pending" then
      count.pending, file.pending = count.pending + 1, file.pending + 1
      note_test(element, "pending", 0)
    end
    return nil, true
  end)

  busted.subscribe({ "failure" }, complain)
  busted.subscribe({ "error" }, complain)

  busted.subscribe({ "file", "end" }, function()
    local ms = (busted.monotime() - began) * 1000
    local waiting = file.pending > 0 and (", %d pending"):format(file.pending) or ""
    say("%s %-40s %d passed, %d failed%s (%.0f ms)", paint(file.failed > 0 and "FAILED" or "ok"),
      short(file.name), file.passed, file.failed, waiting, ms)
    show_failures()
    file = nil
    return nil, true
  end)

  busted.subscribe({ "suite", "end" }, function()
    show_failures()
    local waiting = count.pending > 0 and (", %d pending"):format(count.pending) or ""
    say("%d passed, %d failed%s", count.passed, count.failed, waiting)
    if options.json then
      io.write(json.encode { passed = count.passed, failed = count.failed, pending = count.pending,
        tests = tests }, "\n")
    end
    return nil, true
  end)

  return count
end
