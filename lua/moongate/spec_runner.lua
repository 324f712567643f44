-- Runs the specs of a gateway by busted: describe, it, before_each and assert are busted's own, found
-- where the system has installed it.

local spec = require "moongate.spec"

local function say(format, ...)
  io.stderr:write("moongate: ", format:format(...), "\n")
  return 1
end

local function is_spec(path)
  return path:find "_spec%.lua$" and not path:find "/%."
end

-- The spec files, sorted; nil: there is no folder for them.
local function find_files(folder)
  local files = {}
  if not require("pl.path").isdir(folder) then
    return nil
  end
  for _, path in ipairs(require("pl.dir").getallfiles(folder)) do
    if is_spec(path) then
      files[#files + 1] = path
    end
  end
  table.sort(files)
  return files
end

-- Part of a file's name, or of a test's: the files, and what names of tests are to have.
local function narrow(files, filter, dir)
  local chosen = {}
  for _, path in ipairs(files) do
    if path:sub(#dir + 2):find(filter or "", 1, true) then
      chosen[#chosen + 1] = path
    end
  end
  if #chosen > 0 or not filter then
    return chosen, {}
  end
  return files, { (filter:gsub("%p", "%%%0")) }
end

-- The end of a test is a part of it: what it left without a reply fails it.
local function check_ends(busted)
  busted.subscribe({ "test", "start" }, function(element)
    local run = element.run
    element.run = run and function(...)
      run(...)
      local ok, why = pcall(spec.check)
      if not ok then
        local place = element.trace or {}
        error(("%s:%d: %s"):format(place.short_src or "?", place.currentline or 0, why), 0)
      end
    end
    return nil, true
  end)
  busted.subscribe({ "test", "end" }, function()
    spec.clear()
    return nil, true
  end)
end

local function load_files(busted, files)
  local loader = require "busted.modules.files.lua"
  for _, name in ipairs(files) do
    local chunk, trace = loader.load(busted, name)
    if chunk then
      local file = setmetatable({ getTrace = trace }, { __call = chunk })
      busted.executors.file(name, file)
    end
  end
end

---@param stage table what C does
---@param options { dir: string, filter: string?, json: boolean, colours: boolean }
---@return integer code
return function(stage, options)
  local dir = options.dir:gsub("(.)/+$", "%1")
  local found, core = pcall(require, "busted.core")
  if not found then
    return say "specs are run by busted, which is not installed: apt-get install lua-busted"
  end
  local files = find_files(dir .. "/spec")
  if not files or #files == 0 then
    return say("%s has no specs: write one such as %s/spec/routes_spec.lua", dir, dir)
  end
  package.path = ("%s/?.lua;%s/?/init.lua;%s"):format(dir, dir, package.path)
  local busted = core()
  require "busted"(busted)
  for name, value in pairs(spec.open(stage, dir)) do
    busted.export(name, value)
  end
  local chosen, names = narrow(files, options.filter, dir)
  require "busted.modules.filter_loader"()(busted,
    { tags = {}, excludeTags = {}, filter = names, filterOut = {} })
  check_ends(busted)
  local count = require "moongate.spec_output"(busted, options, spec.notes)
  load_files(busted, chosen)
  require "busted.execute"(busted)(1, {})
  if count.passed + count.failed + count.pending == 0 then
    return say("no spec has %q in its name", options.filter or "")
  end
  return count.failed == 0 and 0 or 1
end
