-- Tasks as clients and authors see them: states, results, owners, bounds, and what a stop leaves.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local posix = require "support.posix"
local problem = require "support.problem"
local wait = require "support.wait"

local routes = [=[
local gate = require "moongate"
local users, seen = gate.service "users", gate.shared "seen"

local work = gate.task("work", { within = "20s", owner = "{headers.x-user}" }, function(args, task)
  if args.write then for _, text in ipairs(args.write) do task:write(text) end end
  for i = 1, args.lines or 0 do
    task:write(("%06d "):format(i) .. ("x"):rep(92) .. "\n")
    task:progress(i / args.lines)
  end
  if args.progress then task:progress(args.progress) end
  if args.call then users:get(args.call):wait() end
  if args.fail then gate.fail(409, args.fail) elseif args.error then error "secret things" end
  if args.value ~= nil then return args.value end
end)
local long = gate.task("long", function(args)
  for i = 1, 5 do
    local began = os.clock()
    repeat until os.clock() - began > 0.03
    gate.sleep "1ms"
  end
  while args == "endless" do end
  return "through"
end)
gate.group("/long", function(api)
  api.post("", function(req) return gate.accepted(long:start(req.body)) end)
  long:routes(api)
end)
local late = gate.task("late", { within = "50ms" }, function() gate.sleep "60s" end)
local brief = gate.task("brief", { keep = "200ms" }, function() return 1 end)
local again = gate.task("again", { tries = 2 }, function(args, task)
  users:get("/echo/again/" .. task.attempt):wait()
  if task.attempt == 1 then users:get("/hang"):wait() end
  return { task.attempt, args }
end)
local inner = gate.task("inner", function(args) seen:incr(args) end)
local outer = gate.task("outer", function(args)
  gate.finally(function(status) seen:set("finally", status) end)
  local id = inner:start(args)
  return { id = id, left = gate.left() > 500000 }
end)
local place = gate.task("place", { owner = "{context.user.id}" }, function() return "here" end)
local bare = gate.task("bare", function(_, task) task:progress(2) end)

gate.group("/job", function(api)
  api.post("", function(req) return gate.accepted(work:start(req.body)) end)
  work:routes(api)
end)
for name, one in pairs { late = late, brief = brief, again = again, outer = outer } do
  gate.group("/" .. name, function(api)
    api.post("", function(req) return gate.accepted(one:start(name)) end)
    one:routes(api)
  end)
end
gate.group("/t/{tenant}/x", { before = function(req) req.context.user = { id = req.query.as and tonumber(req.query.as) } end }, function(api)
  api.get("", function() return gate.accepted(place:start()) end)
  place:routes(api)
end)
gate.get("/bare", function() return gate.accepted(bare:start()) end)
gate.get("/wrong/{what}", function(req)
  if req.params.what == "args" then bare:start(function() end)
  elseif req.params.what == "large" then bare:start(("x"):rep(1024 * 1024))
  elseif req.params.what == "id" then return gate.accepted "nonsense"
  elseif req.params.what == "routes" then bare:routes(gate)
  elseif req.params.what == "dot" then bare.start(1)
  elseif req.params.what == "declare" then gate.task("x", function() end) end
end)
gate.get("/seen/{key}", function(req) return tostring(seen:get(req.params.key)) end)
]=]

-- A file with one more task, which GET /new starts.
local NEW = [[
  local gate = require "moongate"
  local new = gate.task("new", function() return "new" end)
  gate.group("/new", function(api) api.get("", function() return gate.accepted(new:start()) end) new:routes(api) end)]]

local ada = { ["X-User"] = "ada", ["Content-Type"] = "application/json" }

describe("a task", function()
  local g, backend

  local function start(limits)
    backend = faultd.start()
    g = gateway.start({
      ["gateway.lua"] = { services = { users = backend.url }, limits = limits }, ["routes.lua"] = routes,
    }, { workers = 2 })
  end

  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  local function begin(path, body, user)
    local headers = { ["X-User"] = user or "ada", ["Content-Type"] = "application/json" }
    local reply = g:post(path, { body = body or "{}", headers = headers })
    assert.equal(202, reply.status, reply.body .. g:log())
    return reply.headers.location
  end

  local function ask(path, user)
    return g:get(path, { headers = { ["X-User"] = user or "ada" } })
  end

  local function delete(path, user)
    return g:get(path, { method = "DELETE", headers = { ["X-User"] = user or "ada" } }).status
  end

  -- Where the task is that GET path starts, as soon as the routes that have it are loaded.
  local function begun(path)
    return assert(wait.till(function()
      local reply = g:get(path)
      return reply.status == 202 and reply.headers.location
    end, 10000), g:log())
  end

  local function reaches(path, state)
    local found
    wait.till(function()
      found = ask(path):json()
      return found.state == state
    end, 10000)
    assert.equal(state, found.state, g:log())
    return found
  end

  it("is queued or running, then done, with what it returned or wrote", function()
    start()
    for body, result in pairs {
      ['{"value":{"list":[],"big":12345678901234567890}}'] = '{"big":12345678901234567890,"list":[]}',
      ['{"value":"text"}'] = '"text"',
      ["{}"] = "null",
      ['{"write":["\\"a","b",""],"value":1}'] = '"ab',
    } do
      local path = begin("/job", body)
      local found = reaches(path, "done")
      assert.equal("/job/" .. found.id, path)
      assert.is_truthy(found.id:find "^work%-%x+$" and #found.id == 5 + 32)
      assert.is_true(found.created > 1e9 and found.ended >= found.created and found.tried == 1)
      assert.equal(result, ask(path .. "/result").body)
    end
    local path = begin("/job", '{"lines":5000}') -- more than it may make calls
    assert.equal(500000, reaches(path, "done").size)
    local text = ask(path .. "/result").body
    assert.equal(500000, #text)
    assert.equal("005000 ", text:sub(-100, -94))
    path = begin("/job", '{"progress":0.25,"call":"/held/ok"}')
    backend:record_when(function(record) return record.in_flight == 1 end)
    local found = reaches(path, "running")
    assert.equal(0.25, found.progress)
    problem.check(ask(path .. "/result"), 409)
    backend:release()
    reaches(path, "done")
  end)

  it("fails with a problem's detail, but not with what is internal", function()
    start()
    for body, said in pairs {
      ['{"fail":"no luck"}'] = "no luck", ['{"error":1}'] = "an error in the route's script",
      ['{"call":"/status/500"}'] = "the call users failed: ",
    } do
      local path = begin("/job", body)
      local found = reaches(path, "failed")
      assert.is_truthy(found.error:find(said, 1, true), found.error)
      problem.check(ask(path .. "/result"), 404)
    end
    assert.is_truthy(wait.till(function()
      return g:log():find('task "work" (run ', 1, true) and g:log():find("secret things", 1, true)
    end), g:log())
    assert.equal("it ran out of time", reaches(begin "/late", "failed").error)
  end)

  it("is seen by its owner alone", function()
    start()
    local path = begin("/job", '{"value":1}')
    reaches(path, "done")
    for _, one in ipairs { path, path .. "/result", (path:gsub("%x$", "x")), "/late" .. path:match "/job(.*)", "/job/x" } do
      problem.check(ask(one, "bob"), 404)
    end
    assert.equal(404, g:get("/x").status)
    problem.check(g:get(path), 400)
    local reply = g:get "/t/a%20b/x?as=7"
    assert.is_truthy(reply.headers.location:find "^/t/a%%20b/x/place%-%x+$", reply.headers.location)
    path = reply.headers.location
    assert.is_truthy(wait.till(function() return ask(path .. "?as=7"):json().state == "done" end, 5000))
    problem.check(ask(path .. "?as=8"), 404)
    problem.check(ask(path), 500)
    assert.is_truthy(wait.till(function() return g:log():find("the owner {context.user.id} is not there", 1, true) end))
  end)

  it("can be cancelled while it waits and while it runs, and forgotten when it is done", function()
    start { tasks_at_once = 1, tasks_waiting = 2 }
    local one = begin("/job", '{"call":"/hang"}')
    backend:record_when(function(record) return record.in_flight == 1 end)
    local two, three = begin("/job", '{"value":2}'), begin("/job", '{"value":3}')
    local refused = g:post("/job", { body = "{}", headers = ada })
    problem.check(refused, 503, { work = "busy" })
    assert.is_truthy(refused.headers["retry-after"])
    assert.equal("queued", ask(two):json().state)
    assert.equal(404, delete(two, "bob"))
    assert.equal(204, delete(two))
    assert.equal("cancelled", ask(two):json().state)
    assert.equal(204, delete(one))
    reaches(one, "cancelled")
    backend:record_when(function(record) return record.in_flight == 0 end)
    reaches(three, "done")
    assert.equal("cancelled", ask(one):json().state)
    assert.equal(204, delete(three))
    problem.check(ask(three), 404)
    assert.equal(404, delete(three))
  end)

  it("is refused while what is kept fills the file, and taken once there is room again", function()
    start { tasks_file = "1MiB" }
    local wide, kept = ('{"write":["%s"]}'):format(("x"):rep(60000)), {}
    local refused
    for _ = 1, 30 do
      local reply = g:post("/job", { body = wide, headers = ada })
      if reply.status ~= 202 then
        refused = reply
        break
      end
      kept[#kept + 1] = reply.headers.location
      reaches(kept[#kept], "done")
    end
    problem.check(refused, 503, { work = "busy" })
    assert.is_true(#kept >= 6 and #kept <= 16, #kept .. " were taken")
    assert.equal("done", ask(kept[1]):json().state)
    for _, path in ipairs(kept) do
      assert.equal(204, delete(path))
    end
    reaches(begin("/job", wide), "done")
  end)

  it("has a result of bounded size, and is forgotten when its time is over", function()
    start { task_result = "10B" }
    reaches(begin("/job", '{"write":["12345","67890"]}'), "done")
    local found = reaches(begin("/job", '{"write":["12345","678901"]}'), "failed")
    assert.is_truthy(found.error:find "^the call task failed", found.error)
    assert.equal("the result is larger than it may be (limits.task_result)",
      reaches(begin("/job", '{"value":"123456789"}'), "failed").error)
    reaches(begin("/job", '{"value":"12345678"}'), "done")
    local path = begin "/brief"
    assert.is_truthy(wait.till(function() return ask(path).status == 404 end, 10000))
  end)

  it("may use much CPU time when it waits in between", function()
    start { script = "100ms" }
    local path = begin("/long", "1")
    reaches(path, "done")
    assert.equal('"through"', ask(path .. "/result").body)
    assert.equal("the route's script took too long", reaches(begin("/long", '"endless"'), "failed").error)
    reaches(begin("/job", "{}"), "done")
  end)

  it("starts tasks itself, and leaves things to gate.finally", function()
    start()
    local path = begin "/outer"
    reaches(path, "done")
    assert.is_true(ask(path .. "/result"):json().left)
    assert.is_truthy(wait.till(function() return g:get("/seen/outer").body == "1" and g:get("/seen/finally").body == "200" end))
  end)

  it("says what is wrong with how it is used", function()
    start()
    for _, what in ipairs { "args", "large", "id", "routes", "dot", "declare" } do
      problem.check(g:get("/wrong/" .. what), 500)
    end
    problem.check(g:get "/bare", 500)
    for _, said in ipairs {
      "the arguments of a task are at most 1048576 bytes as JSON", 'gate.accepted takes the id that report:start() has returned, not "nonsense"',
      "report:routes() is for files while they are loaded", "say report:start(...), with a colon",
      "gate.task is for files while they are loaded", 'the task "bare" has no routes: say report:routes(gate), or of a group',
      "task:progress takes a number from 0 to 1, not 2",
    } do
      assert.is_truthy(wait.till(function() return g:log():find(said, 1, true) end), said .. "\n" .. g:log())
    end
  end)

  it("ends before the gateway does, or is tried again by the next one, or is lost", function()
    start { drain = "100ms" }
    local again, work = begin "/again", begin("/job", '{"call":"/hang"}')
    backend:record_when(function(record) return record.in_flight == 2 and record.requests == 3 end)
    g.process:signal(posix.SIGTERM)
    assert.equal(0, g.process:wait(10000))
    g.stopped = true
    g:write { ["gateway.lua"] = { services = { users = backend.url } } } -- and the default of drain
    g = gateway.start(g.dir, { workers = 3 })
    assert.equal(2, reaches(again, "done").tried)
    assert.equal('[2,"again"]', ask(again .. "/result").body)
    assert.equal("lost", ask(work):json().state)
    problem.check(ask(work .. "/result"), 409)

    work = begin("/job", '{"call":"/held/ok","value":7}')
    backend:record_when(function(record) return record.in_flight == 1 end)
    g.process:signal(posix.SIGTERM)
    backend:release()
    assert.equal(0, g.process:wait(10000))
    g.stopped = true
    g = gateway.start(g.dir)
    assert.equal("done", ask(work):json().state)
    assert.equal("7", ask(work .. "/result").body)
  end)

  it("is kept by one process, in a file that is no change of the folder", function()
    start()
    reaches(begin("/job", "{}"), "done")
    local code, _, err = gateway.run("serve", g.dir, "--listen", "127.0.0.1:0")
    assert.equal(1, code)
    assert.is_truthy(err:find("tasks: .*/%.moongate/tasks%.db is in use by another process"), err)
    local path = begin("/job", '{"call":"/held/ok","value":1}')
    backend:record_when(function(record) return record.in_flight == 1 end)
    assert.is_nil(g:log():find("has changed", 1, true))
    g:write { ["more.lua"] = NEW }
    reaches(begun "/new", "done")
    backend:release()
    reaches(path, "done")
    g:write { ["routes.lua"] = 'local gate = require "moongate"' }
    assert.is_truthy(wait.till(function() return g:get("/seen/x").status == 404 end, 10000))
    assert.equal(202, g:get("/new").status)
  end)

  it("is kept from the first reload on that declares one, where gateway.lua says", function()
    g = gateway.start({ ["gateway.lua"] = { tasks = "sqlite:var/t.db" } }, { workers = 2 })
    g:write { ["more.new"] = NEW } -- nobody sees it empty, which would be loaded once more
    assert(os.rename(g.dir .. "/more.new", g.dir .. "/more.lua"))
    reaches(begun "/new", "done")
    local file = assert(io.open(g.dir .. "/var/t.db"))
    file:close()
    g:write { ["gateway.lua"] = { tasks = "sqlite:var/other.db" } }
    assert.is_truthy(wait.till(function()
      return g:log():find("gateway.lua: tasks, or a limit of them, has changed: that needs a restart", 1, true)
    end, 10000), g:log())
    assert.equal(202, g:get("/new").status)
    local function logged(text) return select(2, g:log():gsub(text, "%0")) end
    g:write { ["gateway.lua"] = { tasks = "sqlite:var/t.db" } } -- as it is kept all the time
    assert.is_truthy(wait.till(function() return logged "it is loaded anew" == 3 end, 10000), g:log())
    assert.equal(1, logged "that needs a restart", g:log())
  end)

  it("that waits from before is begun by the first reload that knows it", function()
    start { tasks_at_once = 1 }
    local held, paths = begin("/job", '{"call":"/hang"}'), {}
    backend:record_when(function(record) return record.in_flight == 1 end)
    for i = 1, 20 do paths[i] = begin("/job", "{}") end
    g:kill()
    g:write { ["routes.lua"] = "" }
    g = gateway.start(g.dir, { workers = 2 })
    g:write { ["routes.lua"] = routes }
    reaches(held, "lost") -- of the worker that is the first to have the new routes, and then of all
    for i = 1, 20 do reaches(paths[i], "done") end
  end)

  it("waits when a reload does not know it, and goes on with the next that does", function()
    start { tasks_at_once = 1 }
    local paths = { begin("/job", '{"call":"/held/ok"}') }
    backend:record_when(function(record) return record.in_flight == 1 end)
    for i = 2, 5 do paths[i] = begin("/job", "{}") end
    g:write { ["routes.lua"] = [[
      local gate = require "moongate"
      local other = gate.task("other", function() end)
      gate.group("/other", function(api) api.get("", function() return gate.accepted(other:start()) end) other:routes(api) end)]] }
    local other = begun "/other"
    backend:release()
    reaches(other, "done") -- it came last: the others have been looked at
    g:write { ["routes.lua"] = routes }
    assert.is_truthy(wait.till(function() return ask(paths[1]).status == 200 end, 10000))
    for _, path in ipairs(paths) do assert.equal(1, reaches(path, "done").tried) end
  end)

  it("is an error at the start when its file cannot be had", function()
    local folder = gateway.folder { ["gateway.lua"] = { tasks = "sqlite:no/such/t.db" },
      ["more.lua"] = [[require "moongate".task("new", function() end)]] }
    local code, _, err = gateway.run("serve", folder, "--listen", "127.0.0.1:0")
    assert.equal(1, code)
    assert.is_truthy(err:find("tasks: .*/no/such/t%.db: unable to open database file"), err)
  end)
end)
