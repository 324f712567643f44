-- Backends that refuse, hang, drip, babble, lie and die, many times over: what their routes answer is
-- right or a problem, and nobody else notices.
local faultd = require "support.faultd"
local figure = require "support.figure"
local gateway = require "support.gateway"
local generator = require "support.random"
local http = require "support.http"
local places = require "support.places"
local posix = require "support.posix"
local wait = require "support.wait"

local WITHIN = 300 -- ms that a hanging call has

local routes = [[
  local gate = require "moongate"
  local good, bad, curl = gate.service "good", gate.service "bad", gate.service "curl"
  local all = { query = "*" }
  gate.get("/good/{n}", { calls = { c = good:get "/id/{n}" }, reply = { id = "{c.body.id}" } })
  gate.get("/same/{n}", { calls = { c = bad:get "/id/{n}" }, reply = { id = "{c.body.id}" } })
  gate.get("/closed", { calls = { c = gate.service("closed"):get "/" } })
  gate.get("/brief/{path...}", { within = "WITHINms", calls = { c = bad:get "/{path}" } })
  gate.get("/bad/{path...}", { calls = { c = bad:get("/{path}", { forward = all }) } })
  gate.get("/text/{path...}", function(req)
    local r = bad:get("/{path}", { params = { path = req.params.path } }):wait()
    return r.text
  end)
  gate.post("/post/{path}/{n}", { calls = { c = bad:post("/{path}", { query = { n = "{n}" } }) } })
  for name, service in pairs { plain = bad, curl = curl } do
    gate.get("/stale/{ms}/" .. name, { calls = { c = service:get "/delay/{ms}/stale" } })
    gate.get("/packed/" .. name, { pass = service:get "PACKED" })
    gate.get("/length/" .. name, function() return tostring(#service:get("PACKED"):wait().text) end)
  end
]]

local function encoded(bytes)
  return (bytes:gsub("[%z\1-\255]", function(c) return ("%%%02x"):format(c:byte()) end))
end

-- A million zeroes, packed; and the answer that has them.
local pipe = assert(io.popen "head -c 1000000 /dev/zero | gzip -9n")
local packed = pipe:read "*a"
pipe:close()
local compressed = "/ok?type=text/plain&header=Content-Encoding:%20gzip&body=" .. encoded(packed)

-- The value below which a share of a list lies.
local function quantile(list, share)
  table.sort(list)
  return list[math.max(1, math.ceil(share * #list))]
end

describe("a backend", function()
  local g, good, bad

  setup(function()
    good, bad = faultd.start(), faultd.start()
    g = gateway.start({
      ["gateway.lua"] = {
        services = { good = good.url, bad = { url = bad.url, at_once = 5000, path = "plain" },
          curl = { url = bad.url, path = "libcurl" }, closed = "http://127.0.0.1:" .. faultd.closed_port() },
        limits = { requests = 1000000 },
      },
      ["routes.lua"] = (routes:gsub("%u%u%u+", { WITHIN = WITHIN, PACKED = compressed })),
    }, { workers = 2 })
  end)

  before_each(function()
    bad:reset()
  end)

  teardown(function()
    gateway.clean()
    faultd.clean()
  end)

  -- Asks ask(i)'s path for 1 to `count`, `lanes` at once on kept connections, and hands each reply to
  -- see(i, reply). Which ones got none.
  local function ask_all(count, lanes, ask, see)
    local next, lost = 0, {}
    wait.at_once(lanes, function()
      local c
      while next < count do
        next = next + 1
        local i = next
        c = c or g:connect()
        local path, options = ask(i)
        local reply, why = c:ask(path, options)
        if reply then
          see(i, reply)
        else
          lost[#lost + 1] = path .. ": " .. tostring(why)
        end
        if not reply or reply.cut or reply.headers.connection == "close" then
          c:close()
          c = nil
        end
      end
      if c then
        c:close()
      end
    end)
    assert.same({}, lost)
  end

  local function serves_others(count)
    local wrong = 0
    ask_all(count, 4, function(i) return "/good/" .. i end, function(i, reply)
      wrong = wrong + (reply.body == ('{"id":"%d"}'):format(i) and 0 or 1)
    end)
    return wrong
  end

  it("that refuses is 502 each time, and others answer meanwhile", function()
    local count, other, times = figure.count(400, 1000), 0, {}
    ask_all(count, 4, function() return "/closed" end, function(i, reply)
      times[i] = reply.ms
      other = other + (reply.status == 502 and 0 or 1)
      if i == math.floor(count / 2) then
        local one = g:get "/good/1"
        assert.equal('{"id":"1"}', one.body)
      end
    end)
    figure.is(17, ("other than 502, of %d calls"):format(count), other, 0)
    figure.ms(17, "99 of 100 of them within", quantile(times, 0.99), 10)
    figure.is(17, "wrong replies of another backend, of 100", serves_others(100), 0)
  end)

  it("that hangs is 504 at the time its route has, and costs the others nothing", function()
    local count, memory = figure.count(200, 2000), g:rss()
    local waiting, late, other, grown = {}, {}, 0, 0
    wait.at_once(count, function(i)
      waiting[i] = g:connect()
      waiting[i]:send(http.request "/brief/hang")
      local reply = assert(waiting[i]:read())
      late[i] = reply.ms - WITHIN
      other = other + (reply.status == 504 and 0 or 1)
      grown = math.max(grown, i == 1 and g:rss() - memory or 0)
      waiting[i]:close()
    end)
    figure.is(18, ("other than 504, of %d calls at once"):format(count), other, 0)
    figure.ms(18, "half of them no later than", quantile(late, 0.5), 50)
    if places.sanitize == "" then
      figure.most(18, "KiB that they took", grown, math.max(10 * count, 8192))
    end
    local held = {}
    for i = 1, 50 do
      held[i] = g:connect()
      held[i]:send(http.request "/bad/hang")
    end
    bad:record_when(function(record) return record.in_flight == 50 end)
    local began = posix.now()
    figure.is(30, "wrong replies of others, of 300, while 50 calls hang", serves_others(300), 0)
    figure.ms(30, "each of them, on average", (posix.now() - began) / 300 * 4, 10)
    for _, c in ipairs(held) do
      c:close()
    end
    local record = bad:record_when(function(r) return r.in_flight == 0 end)
    figure.is(18, "calls that go on when their clients have left", record.in_flight, 0)
  end)

  it("that drips is stopped at the time its route has", function()
    local count, late, other = figure.count(20, 200), {}, 0
    wait.at_once(count, function(i)
      local reply = g:get(i % 2 == 0 and "/brief/drip/100" or "/brief/drip/head/100")
      late[i] = reply.ms - WITHIN
      other = other + (reply.status == 504 and 0 or 1)
    end)
    figure.is(21, ("other than 504, of %d calls"):format(count), other, 0)
    figure.ms(21, "half of them no later than", quantile(late, 0.5), 100)
  end)

  it("that dies at any byte of its answer leaves no reply that seems whole", function()
    local body, asked = ("y"):rep(4096), {}
    for at = 0, 140 do
      asked[#asked + 1] = { "/text/reset/" .. at, '{"ok":true}' }
      asked[#asked + 1] = { "/text/cut/" .. at, '{"ok":true}' }
    end
    for at = 0, 4150, figure.count(83, 7) do
      asked[#asked + 1] = { "/text/die/length/" .. at, body }
      asked[#asked + 1] = { "/text/die/chunked/" .. at, body }
    end
    local cut, whole = 0, 0
    ask_all(#asked, 8, function(i) return asked[i][1] end, function(i, reply)
      if reply.status == 200 then
        whole = whole + 1
        cut = cut + (reply.body == asked[i][2] and 0 or 1)
      else
        assert.equal(502, reply.status, asked[i][1])
      end
    end)
    assert.is_true(whole < #asked / 2)
    figure.is(20, ("cut bodies that seem whole, of %d"):format(#asked), cut, 0)
  end)

  it("that babbles is 502, or understood right", function()
    local random, count = generator(22), figure.count(400, 4000)
    local sound = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'
    local other, understood = 0, 0
    local function babble(i) -- without NUL, which no query may have
      if i % 20 < 5 then
        return "/bad/garbage/" .. i % 20
      elseif i % 20 < 10 then
        local bytes = {}
        for k = 1, random(60) do
          bytes[k] = string.char(random(255))
        end
        return "/bad/raw?close=1&bytes=" .. encoded(table.concat(bytes))
      end
      local at, bytes = random(#sound), sound
      for _ = 1, random(3) do
        bytes = bytes:sub(1, at - 1) .. string.char(random(255)) .. bytes:sub(at + random(3) - 1)
        at = random(#bytes)
      end
      return "/bad/raw?close=1&bytes=" .. encoded(bytes)
    end
    ask_all(count, 8, babble, function(_, reply)
      local fine = reply.status == 200 and pcall(reply.json, reply)
      understood = understood + (fine and 1 or 0)
      other = other + ((fine or reply.status == 502) and 0 or 1)
    end)
    figure.is(22, ("neither 502 nor sound, of %d answers"):format(count), other, 0)
    assert.is_true(understood > 0)
    assert.equal('{"id":"7"}', g:get("/same/7").body)
  end)

  it("that lies about its length is a problem, and mixes up nobody's answers", function()
    local lies = { "length/short", "length/long", "length/dup", "length/negative", "length/junk", "chunk/bad",
      "chunk/cut" }
    local rounds, mixed, believed = figure.count(15, 150), 0, 0
    ask_all(rounds * #lies * 3, 8, function(i)
      return i % 3 == 0 and "/bad/" .. lies[i / 3 % #lies + 1] or "/same/" .. i
    end, function(i, reply)
      if i % 3 == 0 then
        believed = believed + (reply.status == 502 and 0 or 1)
      else
        mixed = mixed + (reply.body == ('{"id":"%d"}'):format(i) and 0 or 1)
      end
    end)
    figure.is(23, ("other than 502, of %d lies"):format(rounds * #lies), believed, 0)
    figure.is(23, "answers mixed up, of twice as many between them", mixed, 0)
  end)

  it("whose kept connections die gets each POST once at most", function()
    local random, count = generator(28), figure.count(400, 10000)
    local kinds, answered, other = { "stale", "quiet", "close", "ok" }, {}, 0
    ask_all(count, 8, function(i)
      return ("/post/%s/%d"):format(kinds[random(#kinds)], i), { method = "POST", body = "{}" }
    end, function(i, reply)
      answered[i] = reply.status == 200
      other = other + ((reply.status == 200 or reply.status == 502) and 0 or 1)
    end)
    local seen, doubled, missing = {}, 0, 0
    for _, entry in ipairs(bad:record().log) do
      local n = tonumber(entry.raw:match "^POST [^ ]*n=(%d+)")
      doubled = doubled + (seen[n] and 1 or 0)
      seen[n] = true
    end
    for i = 1, count do
      missing = missing + (answered[i] and not seen[i] and 1 or 0)
    end
    figure.is(28, ("POSTs executed twice, of %d"):format(count), doubled, 0)
    figure.is(28, "answered 200 and never executed", missing, 0)
    figure.is(28, "neither 200 nor 502", other, 0)
  end)

  it("whose kept connections are all dead is asked again on a new one, if it was a GET", function()
    for _, path in ipairs { "plain", "curl" } do
      for _ = 1, 2 do -- twelve are kept, and end when the next request has come; the first round may find old ones
        wait.at_once(12, function() assert.equal(200, g:get("/stale/60/" .. path).status) end)
      end
      for _ = 1, 150 do -- more than five times for each that the gateway asks with
        assert.equal(200, g:get("/stale/0/" .. path).status)
      end
    end
  end)

  it("that compresses is taken at its bytes: nothing unpacks them", function()
    for _, path in ipairs { "plain", "curl" } do
      local reply = g:get("/packed/" .. path)
      assert.same({ 200, "gzip" }, { reply.status, reply.headers["content-encoding"] })
      figure.is(25, ("bytes of %d sent that are passed on (%s)"):format(#packed, path), #reply.body, #packed)
      figure.is(25, "bytes that a function gets of them", tonumber(g:get("/length/" .. path).body), #packed)
    end
    for _, entry in ipairs(bad:record().log) do
      assert.is_nil(entry.raw:lower():find("accept-encoding", 1, true))
    end
  end)
end)
