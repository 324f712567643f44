-- The definitions for editors say what the library has: nothing public is missing from them, and
-- nothing in them does not exist.
local definitions = require "support.definitions"
local support = require "lua.support"

local function slurp(path)
  local file = assert(io.open(support.here .. "/" .. path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function upvalue(fn, name)
  for i = 1, 60 do
    local found, value = debug.getupvalue(fn, i)
    if not found then
      return nil
    elseif found == name then
      return value
    end
  end
end

local function sorted(set)
  local names = {}
  for name in pairs(set) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- The keys that a node of schema.lua lets through, also where it is wrapped in others.
local function keys_of(node)
  local keys, inner = upvalue(node, "keys"), upvalue(node, "node")
  return keys or inner and keys_of(inner)
end

-- What a table shows that has its contents behind __index.
local function contents(proxy)
  local behind = debug.getmetatable(proxy).__index
  local meta = debug.getmetatable(behind)
  assert.is_truthy(type(behind) == "table" and (not meta or type(meta.__index) == "function"))
  return behind
end

-- Names that a source gives by a pattern, for what only the core can make.
local function named_in(path, pattern)
  local names = {}
  for name in slurp(path):gmatch(pattern) do
    names[name] = true
  end
  assert.is_truthy(next(names), path)
  return names
end

-- The keys of a local table of a module that only the core can load.
local function keys_in(path, variable)
  local text, names = slurp(path):match("\nlocal " .. variable .. " = (%b{})"), {}
  for name in (text:gsub("%b()", "")):gmatch "[{,%s](%l+) += " do
    names[name] = true
  end
  return names
end

describe("the definitions for editors", function()
  local types = definitions.read(support.here .. "/lua/types")
  local boot, gate

  before_each(function()
    boot = support.fresh()
    boot.config([[return { services = { a = "http://127.0.0.1:1" }, databases = { a = "sqlite:a.db" },
      files = { a = "." }, redis = { a = "redis://127.0.0.1:1" } }]], "gateway.lua", os.getenv)
    gate = require "moongate"
  end)

  after_each(support.restore)

  -- A class has exactly these names.
  local function assert_class(class, names)
    assert.same(sorted(names), sorted(types.names(class)), class)
  end

  it("have every field of gate, and no other", function()
    assert_class("moongate.Gate", contents(gate))
    assert_class("moongate.GateJson", contents(gate.json))
    assert_class("moongate.GateCrypto", contents(gate.crypto))
  end)

  it("have what the function of a group is given", function()
    local given
    require("moongate.loading").begin()
    gate.group("/a", function(api)
      given = api
    end)
    assert_class("moongate.Routes", contents(given))
  end)

  it("have the verbs of every backend", function()
    for kind, class in pairs {
      service = "Service", database = "Database", files = "Files", redis = "Redis",
    } do
      assert_class("moongate." .. class, debug.getmetatable(gate[kind] "a").__index)
    end
    assert_class("moongate.Shared", upvalue(debug.getmetatable(gate.shared "a").__index, "visible"))
  end)

  it("have the options of every kind of call", function()
    local options = require "moongate.options"
    for kind, class in pairs {
      http = "HttpOptions", sql = "CallOptions", redis = "CallOptions", file = "FileOptions",
      value = "ValueOptions", compute = "ComputeOptions", each = "EachOptions",
    } do
      assert_class("moongate." .. class, keys_of(options[kind]))
    end
    assert_class("moongate.Forward", keys_of(keys_of(options.http).forward))
  end)

  it("have the keys of routes and groups", function()
    local route, limits = require "moongate.route", require "moongate.limits"
    local common = route.common {}
    local declare = upvalue(route.declare, "declare")
    assert_class("moongate.GroupKeys", common)
    assert_class("moongate.Route", keys_of(upvalue(declare, "shape") {}))
    assert_class("moongate.RouteLimits", keys_of(common.limits))
    for _, name in ipairs(limits.of_routes) do
      assert.equal(limits.by_name[name].what, types.note("moongate.RouteLimits", name))
    end
  end)

  it("have what input may say", function()
    local input = require("moongate.route").common({}).input
    assert_class("moongate.Input", upvalue(input, "GROUPS"))
    local declared = keys_of(upvalue(input, "GROUPS").query) or upvalue(upvalue(input, "GROUPS").query, "node")
    local options = { ["[1]"] = true }
    for _, name in ipairs(upvalue(upvalue(declared, "check_options"), "OPTIONS")) do
      options[name] = true
    end
    assert_class("moongate.Field", options)
    for _, name in ipairs(upvalue(upvalue(declared, "spelling"), "TYPES")) do
      for _, mark in ipairs { "", "?", "[]" } do
        assert.is_truthy(types.alias("moongate.FieldType")['"' .. name .. mark .. '"'], name .. mark)
      end
    end
  end)

  it("have the keys of gateway.lua", function()
    local keys = keys_of(upvalue(require("moongate.config").check, "shape"))
    assert_class("moongate.Config", keys)
    local function of(section)
      return upvalue(keys[section], "node")
    end
    assert_class("moongate.ServiceConfig", keys_of(of "services"))
    assert_class("moongate.RedisConfig", keys_of(of "redis"))
    local by_url, either = upvalue(upvalue(of "databases", "node"), "node"), {}
    for _, one in ipairs { "sqlite_keys", "postgres_keys" } do
      for name in pairs(keys_of(upvalue(by_url, one))) do
        either[name] = true
      end
    end
    assert_class("moongate.DatabaseConfig", either)
  end)

  it("have every limit with its unit, what it bounds and its default", function()
    local limits = require "moongate.limits"
    local unit = { count = "integer", size = "moongate.Size", duration = "moongate.Duration" }
    local wanted = {}
    for i, one in ipairs(limits.all) do
      wanted[i] = ("---@field %s? %s%s %s; %s"):format(one.name, one.auto and '"auto"|' or "",
        unit[one.unit], one.what, limits.write(one, one.default))
    end
    local config = slurp "lua/types/config.lua"
    local lines = config:match "%-%-%-@class moongate.Limits\n(.-)\n\n" or config:match "@class moongate.Limits\n(.*)\n$"
    assert.equal(table.concat(wanted, "\n"), lines)
  end)

  it("have what functions are given", function()
    local parts = slurp "core/script/parts.c"
    local order = slurp("core/script/state.h"):match "enum mg_part {(.-)}"
    local request, result, of_result = {}, { error = true }, nil
    for part in order:gmatch "(MG_PART_%u+)," do
      local name = assert(parts:match("%[" .. part .. '%] = "(%l+)"'), part)
      -- The first three are of both, from OK to NAME of results alone.
      of_result = part == "MG_PART_OK" or of_result and part ~= "MG_PART_PARAMS"
      local both = name == "body" or name == "text" or name == "headers"
      request[name] = (both or not of_result) or nil
      result[name] = (both or of_result) or nil
    end
    assert_class("moongate.Request", request)
    assert_class("moongate.Result", result)
    assert_class("moongate.Outgoing", keys_in("lua/moongate/around.lua", "READ"))
    assert_class("moongate.Outgoing", keys_in("lua/moongate/around.lua", "WRITE"))
  end)

  it("have what calls and futures can do", function()
    assert_class("moongate.Call", require("moongate.call").methods)
    assert_class("moongate.Future", named_in("lua/moongate/run.lua", "\nfunction future:(%l+)"))
    assert_class("moongate.Rest", named_in("lua/moongate/many.lua", "\nfunction rest:(%l+)"))
  end)

  it("have what tasks and gate.every take and can do", function()
    assert_class("moongate.Task", named_in("lua/moongate/task.lua", "\nfunction methods%.(%l+)"))
    local parts = named_in("lua/moongate/task.lua", "\nfunction running:(%l+)")
    parts.id, parts.attempt = true, true
    assert_class("moongate.RunningTask", parts)
    assert_class("moongate.TaskOptions", keys_of(upvalue(require("moongate.task").declare, "options_of")))
    assert_class("moongate.EveryOptions", keys_of(upvalue(require("moongate.chore").every, "options_of")))
  end)

  it("have what a reply takes and what is raised", function()
    assert_class("moongate.ReplyFields", keys_in("lua/moongate/reply.lua", "KEYS"))
    local names = named_in("lua/moongate/problem.lua", "raised%.(%l+)")
    for _, internal in ipairs { "headers", "members", "log" } do
      names[internal] = nil
    end
    names.status, names.title, names.detail = true, true, true
    assert_class("moongate.Problem", names)
  end)

  it("have what specs see", function()
    local globals = { env = true }
    for name in slurp("lua/moongate/spec.lua"):match("\n  return (%b{})"):gmatch "(%l+) = " do
      globals[name] = true
    end
    assert.same(sorted(globals), sorted(types.globals()))
    local run = slurp("lua/moongate/spec.lua"):match "\nlocal function facade(.-)\nend\n"
    local names = {}
    for name in run:gmatch "(%l+) = public" do
      names[name] = true
    end
    for name in run:gmatch 'key == "(%l+)"' do
      names[name] = true
    end
    for name in slurp("lua/moongate/spec.lua"):match("\nlocal SEEN = (%b{})"):gmatch "(%l+) =" do
      names[name] = true
    end
    assert_class("moongate.Run", names)
    local options = {}
    for name in slurp("lua/moongate/spec_request.lua"):match("\nlocal OPTIONS = (%b{})"):gmatch '"(%l+)"' do
      options[name] = true
    end
    assert_class("moongate.DriveOptions", options)
    assert_class("moongate.CallMade", named_in("lua/moongate/spec_made.lua", "%-%-%-@field (%l+) "))
  end)

  it("have every kind of failure", function()
    local kinds = {}
    for kind in slurp("core/base/status.h"):gmatch 'X%([%u_]+, "([%l_]+)"' do
      kinds['"' .. kind .. '"'] = true
    end
    for _, none in ipairs { "ok", "no_memory", "invalid" } do
      kinds['"' .. none .. '"'] = nil
    end
    assert.same(sorted(kinds), sorted(types.alias "moongate.Kind"))
  end)

  it("name no type that is not defined", function()
    assert.same({}, types.unknown())
  end)

  it("say of each function what it takes, in its order", function()
    assert.same({}, types.parameters_wrong())
  end)

  it("have a word on everything whose name does not say it all", function()
    assert.same({}, types.undocumented())
  end)
end)
