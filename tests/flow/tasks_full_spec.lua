-- Tasks whose file cannot grow for a while: nothing is answered that is not so, and nothing is lost.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local process = require "support.process"
local wait = require "support.wait"

local routes = [=[
local gate = require "moongate"
local users = gate.service "users"
local work = gate.task("work", { keep = "1s" }, function(args)
  if args == "held" then users:get("/held/ok"):wait() end
  users:post("/echo/ran/" .. args):wait()
  return args
end)
gate.group("/job", function(api)
  api.post("", function(req) return gate.accepted(work:start(req.text)) end)
  work:routes(api)
end)
]=]

describe("a file of tasks that is full", function()
  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  -- No file grows beyond what the log of writes has now, or any does again. As on a disk that is
  -- full, it is an error and no signal.
  local function limit(g, full)
    local file = full and assert(io.open(g.dir .. "/.moongate/tasks.db-wal"))
    local most = full and ("%d"):format(file:seek "end") or "unlimited"
    if file then file:close() end
    local code, _, err = process.run { "/usr/bin/env", "prlimit", "--pid", tostring(g.pid), "--fsize=" .. most .. ":" }
    assert.equal(0, code, err)
  end

  -- How often that is in the log, which is written a little later than it is said.
  local function count(g, what)
    wait.till(function() return g:log():find(what) end)
    return select(2, g:log():gsub(what, ""))
  end

  it("answers what it can, says so once, and goes on where it was", function()
    local backend = faultd.start()
    local g = gateway.start({
      ["gateway.lua"] = { services = { users = backend.url }, limits = { tasks_at_once = 1 } }, ["routes.lua"] = routes,
    }, { before = { "/bin/sh", "-c", 'trap "" XFSZ; exec "$0" "$@"' } })
    local function post(text) return g:post("/job", { body = text }) end
    local function state(path) return g:get(path):json().state end
    local function done(path)
      return wait.till(function() return state(path) == "done" or g:get(path).status == 404 end, 10000)
    end
    local first = post("first").headers.location
    assert.is_truthy(done(first), g:log())
    local held, waiting = post("held").headers.location, post("waiting").headers.location
    backend:record_when(function(record) return record.in_flight == 1 end, 10000)
    limit(g, true)
    backend:release()
    for _ = 1, 20 do
      local answers = {}
      wait.at_once(2, function(i)
        answers[i] = i == 1 and post "refused" or g:get(waiting)
      end)
      assert.equal(502, answers[1].status, answers[1].body)
      assert.equal("queued", answers[2]:json().state)
    end
    assert.equal("running", state(held))
    -- What has expired cannot be forgotten either, and is not there all the same.
    assert.is_truthy(wait.till(function() return g:get(first).status == 404 end, 10000))
    assert.equal(1, count(g, "the file of tasks cannot be written"), g:log())
    limit(g, false)
    assert.is_truthy(done(held), g:log())
    assert.is_truthy(done(waiting), g:log())
    local last = post("last").headers.location
    assert.is_truthy(done(last), g:log())
    assert.equal(1, count(g, "the file of tasks can be written again"), g:log())
    local ran = {}
    for _, request in ipairs(backend:record().log) do ran[#ran + 1] = request.raw:match "^POST /echo/ran/(%a+)" end
    assert.same({ "first", "held", "waiting", "last" }, ran)
  end)
end)
