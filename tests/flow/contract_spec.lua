-- What a call's end means: each contract that a call can have against each way that it can end, as
-- a plan with a template, as a plan with a function, and in a running function. The table of the
-- specification is written down once more in `expected`; the rest is generated from it.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local problem = require "support.problem"

local outcomes = {
  { name = "ok", call = 'users:get("/ok?body=%%7B%%22a%%22:1%%7D", %s)', status = 200,
    body = { a = 1 } },
  { name = "404", call = 'users:get("/status/404?body=%%7B%%22no%%22:4%%7D", %s)', status = 404,
    body = { no = 4 }, kind = "status" },
  { name = "500", call = 'users:get("/status/500?body=%%7B%%22no%%22:5%%7D", %s)', status = 500,
    body = { no = 5 }, kind = "status" },
  { name = "a time-out", call = 'users:get("/hang", %s)', kind = "timeout" },
  { name = "refused", call = 'closed:get("/ok", %s)', kind = "refused" },
  { name = "bad JSON", call = 'users:get("/ok?body=%%7B%%22a", %s)', kind = "malformed" },
  { name = "bad JSON with 404", call = 'users:get("/status/404?body=%%7B%%22a", %s)',
    kind = "malformed" },
  { name = "no row", call = 'shop:one("select 1 as a where 0", %s)', status = 404,
    kind = "status" },
  { name = "a row", call = 'shop:one("select 1 as a", %s)', status = 200, body = { a = 1 } },
  { name = "no file", call = 'pages:json("nothing.json", %s)', status = 404, kind = "status" },
}

local contracts = {
  { name = "required", options = "" },
  { name = "optional", options = "optional = true", optional = true },
  { name = "fallback", options = "fallback = { f = true }", fallback = true },
  { name = "optional and fallback", options = "optional = true, fallback = { f = true }",
    fallback = true },
  { name = "accept 404", options = "accept = { 404 }", accept = { [404] = true } },
  { name = "accept 404 and 500", options = "accept = { 404, 500 }",
    accept = { [404] = true, [500] = true } },
  { name = "relay 404", options = "relay = { 404 }", relay = { [404] = true } },
  { name = "relay 404 and 500", options = "relay = { 404, 500 }",
    relay = { [404] = true, [500] = true } },
  { name = "optional, relay 404", options = "optional = true, relay = { 404 }", optional = true,
    relay = { [404] = true } },
  { name = "fallback, accept 404, relay 500", fallback = true,
    options = "fallback = { f = true }, accept = { 404 }, relay = { 500 }",
    accept = { [404] = true }, relay = { [500] = true } },
}

local function lists(statuses, status)
  return status ~= nil and statuses ~= nil and statuses[status] == true
end

-- The table "what a call's end means": either { status, kind } with which the request ends, or
-- { ok, body, kind, partial } of the result.
local function expected(contract, outcome)
  if outcome.kind == nil or lists(contract.accept, outcome.status) then
    return { ok = true, body = outcome.body }
  elseif lists(contract.relay, outcome.status) then
    return { ends = outcome.status, kind = outcome.kind }
  elseif contract.fallback then
    return { ok = false, body = { f = true }, kind = outcome.kind, partial = true }
  elseif contract.optional then
    return { ok = false, kind = outcome.kind, partial = true }
  end
  return { ends = outcome.kind == "timeout" and 504 or 502, kind = outcome.kind }
end

local head = [[
local gate = require "moongate"
local users, closed = gate.service "users", gate.service "closed"
local shop, pages   = gate.database "shop", gate.files "pages"
local side          = users:get "/ok?body=%%22side%%22"
local function say(it, side)
  return { body = it.body, ok = it.ok, kind = it.error and it.error.kind, side = side.body }
end
]]

local function route_of(contract, outcome, path)
  local options = contract.options
  if outcome.name == "a time-out" then
    options = options .. (options == "" and "" or ", ") .. 'within = "40ms"'
  end
  local call = outcome.call:format("{ " .. options .. " }")
  return ([[
gate.get("/template%s", { calls = { it = %s, side = side },
  reply = { body = "{it.body}", side = "{side.body}" } })
gate.get("/reply%s", { calls = { it = %s, side = side },
  reply = function(_, got) return say(got.it, got.side) end })
gate.get("/function%s", function()
  local got = gate.all { it = %s, side = side }
  return say(got.it, got.side)
end)]]):format(path, call, path, call, path, call)
end

local function each(visit)
  for i, contract in ipairs(contracts) do
    for k, outcome in ipairs(outcomes) do
      visit(contract, outcome, ("/%d/%d"):format(i, k))
    end
  end
end

describe("what a call's end means:", function()
  local g, backend

  setup(function()
    backend = faultd.start()
    local lines = { (head:gsub("%%%%", "%%")) }
    each(function(contract, outcome, path)
      lines[#lines + 1] = route_of(contract, outcome, path)
    end)
    g = gateway.start {
      ["gateway.lua"] = {
        services = { users = backend.url, closed = "http://127.0.0.1:" .. faultd.closed_port() },
        databases = { shop = "sqlite:shop.db" },
        files = { pages = "pages" },
      },
      ["routes.lua"] = table.concat(lines, "\n"),
      ["pages/x.txt"] = "",
    }
  end)

  teardown(function()
    gateway.clean()
    faultd.clean()
  end)

  each(function(contract, outcome, path)
    local want = expected(contract, outcome)
    local what = contract.name .. ", the call ends with " .. outcome.name

    if want.ends then
      it(what .. ": the request ends with " .. want.ends, function()
        for _, form in ipairs { "/template", "/reply", "/function" } do
          local reply = g:get(form .. path)
          local json = problem.check(reply, want.ends, { it = want.kind })
          assert.equal(outcome.status, json.calls[1].status)
          assert.is_nil(reply.headers["moongate-partial"])
        end
      end)
    else
      it(what .. (want.partial and ": it is missing" or ": it has a body"), function()
        local partial = want.partial and "it=" .. want.kind or nil
        for _, form in ipairs { "/template", "/reply", "/function" } do
          local reply = g:get(form .. path)
          local json = { body = want.body, side = "side" }
          if form ~= "/template" then
            json.ok, json.kind = want.ok, want.kind
          end
          assert.same({ 200, "application/json", partial, json }, { reply.status,
            reply.headers["content-type"], reply.headers["moongate-partial"], reply:json() })
        end
      end)
    end
  end)
end)
