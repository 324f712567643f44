-- The page that a browser is shown under --dev.
local faultd = require "support.faultd"
local gateway = require "support.gateway"
local posix = require "support.posix"
local wait = require "support.wait"

local routes = [[
local gate = require "moongate"
local api, gone = gate.service "api", gate.service "gone"

local function deeper(req)
  local list = req.nothing.here -- <b>&"
  return list
end

gate.get("/lua", function(req)
  local found = deeper(req)
  return found
end)
gate.get("/says", function(req) error(req.query.text) end)
gate.get("/names", function()
  gate.all { ['<img src=x onerror=alert(1)>"\'\r\nSet-Cookie: a=b'] = api:get "/ok" }
  gate.fail(400, "<script>1</script>", { headers = { ["x-own"] = "kept" } })
end)
gate.get("/refused", { calls = {
  first  = api:get "/ok",
  second = gone:get("/x/{first.status}"),
  third  = api:get "/y/{second.status}",
} })
gate.get("/p/{id}", { calls = { c = gone:get "/{id}" } })
gate.get("/fine", { calls = { c = api:get "/ok" } })
gate.group("/around", { after = function(req, reply)
  if req.query.own then
    reply.headers["content-type"], reply.body = "text/html", "<p>mine"
  elseif req.query.json then
    reply.json = { detail = "mine" }
  elseif req.query.changed then
    reply.json.detail = "mine"
  elseif req.query.status then
    reply.status = 403
  elseif req.query.header then
    reply.headers["x-mine"] = "1"
  end
end }, function(group)
  group.get("/x", function() gate.fail(404) end)
end)
gate.get("/input/{id}", { input = { id = "integer", query = { page = "integer" } }, reply = {} })
]]

local browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

describe("the page of serve --dev", function()
  local g

  after_each(function()
    gateway.clean()
    faultd.clean()
  end)

  before_each(function()
    local backend = faultd.start()
    g = gateway.start({
      ["gateway.lua"] = { services = { api = backend.url, gone = "http://127.0.0.1:" .. faultd.closed_port() } },
      ["routes.lua"] = routes,
    }, { workers = 1, arguments = { "--dev" } })
  end)

  local function visit(path, headers, method)
    headers = headers or {}
    headers.Accept = headers.Accept or browser
    return g:get(path, { headers = headers, method = method })
  end

  local function has(page, ...)
    for _, text in ipairs { ... } do
      assert.truthy(page:find(text, 1, true), ("%q is not in %s"):format(text, page:gsub("<style>.*</style>", "")))
    end
  end

  -- All markup of a page: nothing that runs, loads or is styled by itself, and all of it closed.
  local function check(reply)
    local page = reply.body
    assert.equal("text/html; charset=utf-8", reply.headers["content-type"])
    assert.truthy(page:find "^<!doctype html>\n" and page:find "</html>\n$")
    local void, open = { meta = true, line = true, rect = true, path = true }, {}
    for slash, name, rest in page:gmatch "<(/?)(%a[%w]*)([^>]*)>" do
      assert.is_nil(rest:lower():find "%son%a+%s*=" or rest:lower():find "style%s*=", rest)
      assert.is_nil(rest:find "src%s*=" or rest:find "href%s*=" or rest:find "url%(", rest)
      assert.is_nil(("script img iframe object embed link base form a input button"):find("%f[%a]" .. name .. "%f[%A]"),
        name)
      if slash == "/" then
        assert.equal(name, table.remove(open))
      elseif not void[name] then
        open[#open + 1] = name
      end
    end
    assert.same({}, open)
    assert.is_nil(page:find "https?://" or page:find "@import" or page:find "url%(")
    return page
  end

  it("tells of an error in Lua", function()
    local reply = visit "/lua"
    local page = check(reply)
    assert.equal(500, reply.status)
    has(page, "attempt to index field &#39;nothing&#39; (a nil value)</h1>", "<b>routes.lua:5</b> in <code>deeper</code>",
      "-- &lt;b&gt;&amp;&quot;", '<span class="here"><i>5</i><code>', "<b>routes.lua:10</b>", "<b>GET</b> /lua")
  end)

  it("tells of calls, each as a bar", function()
    local page = check(visit "/refused")
    has(page, "the call second failed: ", '<span class="here"><i>20</i>', "<b>first</b>", "GET /x/200",
      "after first", 'class="end bad">refused', 'class="end ok">ok <small>200</small>', 'class="end none">not started',
      "GET /y/{second.status}")
    assert.equal(2, select(2, page:gsub('<rect class="', "")))
    for x, width in page:gmatch '<rect class="%a+" x="([%d.]+)%%" y="8" width="([%d.]+)%%"' do
      assert.is_true(x + width <= 100.02 and tonumber(width) > 0.7)
    end
  end)

  it("is the same for HEAD, without its bytes", function()
    local reply = visit("/lua", nil, "HEAD")
    assert.same({ 500, "text/html; charset=utf-8", "" },
      { reply.status, reply.headers["content-type"], reply.body })
  end)

  it("runs nothing and loads nothing: its policy allows its own style alone", function()
    local reply = visit "/lua"
    local policy = reply.headers["content-security-policy"]
    local digest = policy:match
      "^default%-src 'none'; style%-src 'sha256%-([%w+/]+=)'; base%-uri 'none'; form%-action 'none'; frame%-ancestors 'none'$"
    assert.truthy(digest, policy)
    local folder = posix.folder()
    local file = assert(io.open(folder .. "/style", "wb"))
    file:write(reply.body:match "<style>(.*)</style>")
    file:close()
    local pipe = io.popen(("openssl dgst -sha256 -binary '%s/style' | openssl base64"):format(folder))
    assert.equal(digest, (pipe:read "*a":gsub("%s", "")))
    pipe:close()
    os.execute(("rm -r '%s'"):format(folder))
    assert.same({ "nosniff", "no-store", "no-referrer", "Accept" }, { reply.headers["x-content-type-options"],
      reply.headers["cache-control"], reply.headers["referrer-policy"], reply.headers.vary })
  end)

  it("shows what is hostile as text", function()
    local evil = "<script>alert(1)</script>\"'<img src=x onerror=y>"
    local encoded = evil:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end)
    for _, path in ipairs { "/says?text=" .. encoded, "/p/" .. encoded, "/" .. encoded, "/says?text=%FF%00%1B",
      "/names", "/lua?<script>\"'" } do
      local reply = visit(path, { ["X-Evil"] = evil, ["X-More"] = "\255\t</style></table>", ["User-Agent"] = "<b>" })
      local page = check(reply)
      assert.is_nil(page:find("<script", 1, true) or page:find("<img", 1, true), page)
      has(page, "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&lt;img")
      assert.is_nil(reply.headers["set-cookie"])
    end
    assert.equal("kept", visit("/names").headers["x-own"])
    has(visit("/names").headers["server-timing"], "_img_src_x_onerror_alert_1___'__Set-Cookie__a_b;dur=")
  end)

  it("shows who asked, but not by what it is known", function()
    local page = check(visit("/lua?a=b", { Authorization = "Bearer open-sesame", Cookie = "sid=0123456789",
      ["X-Shown"] = "as it is" }))
    has(page, "<b>GET</b> /lua?a=b", "as it is", "Authorization</th><td><em>not shown</em>",
      "Cookie</th><td><em>not shown</em>")
    assert.is_nil(page:find("open-sesame", 1, true) or page:find("0123456789", 1, true))
  end)

  it("shows no value that is named as nobody's business, in the head or in the query", function()
    for _, name in ipairs { "X-JWT", "Client-Assertion", "X-Amz-Access-Key", "X-Credential" } do
      local page = check(visit("/lua", { [name] = "open-sesame" }))
      has(page, name .. "</th><td><em>not shown</em>")
      assert.is_nil(page:find("open-sesame", 1, true), name)
    end
    local page = check(visit "/says?a=b&access_token=open%2Fsesame&X%2DAmz-Credential=xyz&text=it+is+open/sesame!&jwt=&id_token")
    has(page, "/says?a=b&amp;access_token=[not shown]&amp;X%2DAmz-Credential=[not shown]&amp;text=it+is+[not shown]!"
      .. "&amp;jwt=&amp;id_token</p>", "it is [not shown]!</h1>")
    assert.is_nil(page:find "sesame" or page:find "xyz")
    has(check(visit "/lua?"), "<b>GET</b> /lua?</p>")
  end)

  it("lists the routes where none has the path", function()
    local reply = visit "/nowhere"
    assert.equal(404, reply.status)
    has(check(reply), "no route has this path", "/p/{id} <small>routes.lua:", "/around/x")
    assert.is_nil(check(visit "/around/x"):find("<h2>Routes", 1, true))
  end)

  it("lists what is wrong with the input", function()
    local page = check(visit "/input/x?<b>=1")
    has(page, "<h2>Input</h2>", '<th scope="row">id</th><td>must be an integer</td>',
      '<th scope="row">query.page</th><td>is missing</td>', "<h2>The route</h2>", '<span class="here"><i>40</i>')
  end)

  it("is for browsers, and for problems", function()
    for _, accept in ipairs { "*/*", "application/json", "application/json, text/html;q=0.5", "text/html;q=0", "text/*",
      "application/problem+json, text/html;q=0.9", "" } do
      local reply = visit("/lua", { Accept = accept })
      assert.equal("application/problem+json", reply.headers["content-type"], accept)
      assert.equal("Accept", reply.headers.vary)
      assert.equal(5, reply:json().dev.line)
    end
    assert.equal("application/json", visit("/fine").headers["content-type"])
    assert.is_nil(visit("/fine").headers.vary)
    assert.equal("<p>mine", visit("/around/x?own=1").body)
    for _, changed in ipairs { "json", "changed", "status" } do -- what `after` made of it is no problem of ours
      local reply = visit("/around/x?" .. changed .. "=1")
      assert.truthy(reply.headers["content-type"]:find "json", changed)
      assert.equal(changed == "status" and 403 or 404, reply.status)
      assert.equal(changed == "status" and "" or "mine", reply:json().detail or "")
      assert.is_nil(reply.headers.vary)
    end
    assert.equal("1", visit("/around/x?header=1").headers["x-mine"])
    check(visit "/around/x?header=1")
  end)

  it("shows what does not load until it does", function()
    assert.equal(200, visit("/fine").status)
    g:write { ["routes.lua"] = 'local gate = require "moongate"\ngate.get("/<x>", { replly = 1 })\n',
      ["b.lua"] = "local x = = 2 -- <i>\n" }
    assert.truthy(wait.till(function() -- both files, which do not change at once
      local reply = visit "/fine"
      return reply.status == 500 and reply.body:find("b.lua:1", 1, true) and reply.body:find("replly", 1, true)
    end), g:log())
    local page = check(visit "/anything")
    has(page, "the changed files do not load</h1>", "<b>b.lua:1</b>", "local x = = 2 -- &lt;i&gt;",
      "<b>routes.lua:2</b>", "replly", "go on serving programs")
    assert.equal(200, g:get("/fine").status)
    g:write { ["routes.lua"] = routes, ["b.lua"] = "" }
    assert.truthy(wait.till(function() return visit("/fine").status == 200 end), g:log())
  end)
end)
