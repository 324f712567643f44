-- What a route declares of its input: checked before any call is made, everything that is wrong
-- listed at once, values converted for placeholders and for functions alike.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local problem = require "support.problem"

local types = { "string", "integer", "number", "boolean", "uuid", "any" }
local uuid = "6f1c9E1a-0b2d-4c3e-8f50-a1b2c3d4e5f6"

local head = [=[
local gate = require "moongate"
local users = gate.service "users"
]=]

-- For each type: GET /TYPE/query, /TYPE/list, /TYPE/header, /TYPE/param/{v}, POST /TYPE/body and
-- /TYPE/body-list; each answers what the template and what the function has of it.
local function routes_of(type)
  local lines = {}
  local function route(method, path, input, placeholder, lua)
    lines[#lines + 1] = ([[gate.%s("/template/%s/%s", { input = %s, reply = { v = "%s" } })]])
      :format(method, type, path, input, placeholder)
    lines[#lines + 1] = ([[gate.%s("/function/%s/%s", { input = %s, reply = function(req) return { v = %s } end })]])
      :format(method, type, path, input, lua)
  end
  route("get", "query", ('{ query = { v = "%s" } }'):format(type), "{query.v}", "req.query.v")
  route("get", "list", ('{ query = { v = "%s[]" } }'):format(type), "{query.v}", "req.query.v")
  route("get", "header", ('{ headers = { ["X-V"] = "%s" } }'):format(type), "{headers.x-v}", 'req.headers["X-v"]')
  route("get", "param/{v}", ('{ v = "%s" }'):format(type), "{v}", "req.params.v")
  route("post", "body", ('{ body = { v = "%s" } }'):format(type), "{body.v}", "req.body.v")
  route("post", "body-list", ('{ body = { v = "%s[]" } }'):format(type), "{body.v}", "req.body.v")
  return table.concat(lines, "\n") .. "\n"
end

local function start()
  local lines = { head }
  for _, type in ipairs(types) do
    lines[#lines + 1] = routes_of(type)
  end
  return gateway.start {
    ["gateway.lua"] = { services = { users = faultd.start().url } },
    ["routes.lua"] = table.concat(lines),
  }
end

local function stop()
  gateway.clean()
  faultd.clean()
end

local function encoded(text)
  return (text:gsub("[^%w._~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- One of the values of a text: JSON of what it is converted to, or false.
local texts = {
  string = { [""] = '""', a = '"a"', ["1"] = '"1"', ["\195\169\n\""] = '"\195\169\\n\\""', null = '"null"' },
  integer = { ["0"] = "0", ["-7"] = "-7", ["007"] = "7", ["-0"] = "0", ["12345678901234567890"] = "12345678901234567890",
    [""] = false, a = false, ["1.5"] = false, ["1e3"] = false, ["+1"] = false, [" 1"] = false, ["0x1"] = false,
    ["-"] = false, ["1\0"] = false },
  number = { ["0"] = "0", ["1.50"] = "1.50", ["-1e3"] = "-1e3", [""] = false, NaN = false, inf = false, ["1e999"] = false,
    ["01"] = false, ["1."] = false, [".5"] = false, ["+1"] = false, ["1 "] = false, ["0x10"] = false },
  boolean = { ["true"] = "true", ["false"] = "false", ["1"] = false, ["True"] = false, [""] = false, yes = false },
  uuid = { [uuid] = '"' .. uuid .. '"', [uuid:sub(1, 35)] = false, [uuid .. "0"] = false, [uuid:gsub("-", "0")] = false,
    ["{" .. uuid:sub(2, 35) .. "}"] = false, [uuid:gsub("6", "g", 1)] = false, [""] = false },
  any = { x = '"x"', ["1"] = '"1"', [""] = '""' },
}

describe("a declared text", function()
  local g
  setup(function() g = start() end)
  teardown(stop)

  local function answers(path, options, json, at)
    local template = g:get("/template/" .. path, options)
    local fn = g:get("/function/" .. path, options)
    if json then
      assert.same({ 200, '{"v":' .. json .. "}" }, { template.status, template.body })
      assert.equal(200, fn.status, fn.body)
      assert.same(template:json(), fn:json())
    else
      for _, reply in ipairs { template, fn } do
        local errors = problem.check(reply, 400).errors
        assert.same({ 1, at, "string" }, { #errors, errors[1].at, type(errors[1].detail) })
      end
    end
  end

  for _, type in ipairs(types) do
    for text, json in pairs(texts[type]) do
      it(("of type %s: %q is %s"):format(type, text, json or "refused"), function()
        if not text:find "%z" then
          answers(type .. "/query?v=" .. encoded(text), nil, json, "query.v")
          answers(type .. "/list?v=" .. encoded(text), nil, json and "[" .. json .. "]", "query.v")
        end
        if text ~= "" and not text:find "[%z\n]" then
          answers(type .. "/param/" .. encoded(text), nil, json, "v")
        end
        if not text:find "^ " and not text:find " $" and not text:find "%c" then
          answers(type .. "/header", { headers = { ["x-v"] = text } }, json, "headers.x-v")
        end
      end)
    end
  end

  it("that is a list keeps its order; one wrong element is one too many", function()
    answers("integer/list?v=3&v=1&w=9&v=02", nil, "[3,1,2]")
    answers("integer/list?v=3&v=x&v=y", nil, nil, "query.v")
    answers("string/list?v=a&v=", nil, '["a",""]')
    answers("string/list", nil, nil, "query.v")
  end)

  it("that is none is its first value", function()
    answers("integer/query?v=1&v=2", nil, "1")
  end)
end)

local bodies = {
  string = { ['"a\\u00e9"'] = true, ["1"] = false, ["null"] = false, ["[]"] = false },
  integer = { ["1"] = true, ["-9007199254740993"] = true, ["1.5"] = false, ['"1"'] = false, ["true"] = false },
  number = { ["1.50"] = true, ["1e3"] = true, ['"1"'] = false, ["{}"] = false },
  boolean = { ["true"] = true, ["false"] = true, ["0"] = false, ['"true"'] = false },
  uuid = { ['"' .. uuid .. '"'] = true, ['"x"'] = false, ["1"] = false },
  any = { ["1"] = true, ["null"] = true, ['{"a":[ 1 ]}'] = true, ["[]"] = true, ["12345678901234567890.1"] = true },
}

describe("a declared field of the body", function()
  local g
  setup(function() g = start() end)
  teardown(stop)

  local function post(path, body)
    return g:post(path, { body = body, headers = { ["content-type"] = "application/json" } })
  end

  for _, type in ipairs(types) do
    for json, good in pairs(bodies[type]) do
      it(("of type %s: %s is %s"):format(type, json, good and "taken as it came" or "refused"), function()
        for path, value in pairs { body = json, ["body-list"] = "[" .. json .. "]" } do
          local template = post(("/template/%s/%s"):format(type, path), '{"v":' .. value .. "}")
          local fn = post(("/function/%s/%s"):format(type, path), '{"v":' .. value .. "}")
          if good then
            assert.same({ 200, '{"v":' .. value .. "}" }, { template.status, template.body })
            assert.equal(200, fn.status, fn.body)
          else
            assert.equal("body.v", problem.check(template, 400).errors[1].at)
            problem.check(fn, 400)
          end
        end
      end)
    end
  end

  it("that is a list is one", function()
    problem.check(post("/template/any/body-list", '{"v":1}'), 400)
    assert.equal('{"v":[]}', post("/template/any/body-list", '{"v":[]}').body)
  end)

  it("is missing when it is not there", function()
    for _, body in ipairs { "{}", '{"w":1}', "[1]", "7" } do
      local json = problem.check(post("/template/integer/body", body), 400)
      assert.same({ { at = "body.v", detail = "is missing" } }, json.errors)
    end
  end)
end)
