-- Files that go into a sink: their heads, and one piece at a time for as long as the sink wants more.
local backend = require "support.backend"
local core = require "support.core"
local lfs = require "lfs"
local ffi = require "ffi"
local wait = require "support.wait"

local PIECE, ALL = 128 * 1024, 0xffffffff
local CHANGED, DATE = 784111777, "Sun, 06 Nov 1994 08:49:37 GMT"

local root, caller
local big = ("0123456789abcdef"):rep(5 * PIECE / 16) .. "the end"

local function write(name, bytes)
  local file = assert(io.open(root .. "/" .. name, "wb"))
  file:write(bytes)
  file:close()
  lfs.touch(root .. "/" .. name, CHANGED)
end

local function descriptors()
  local count = 0
  for _ in lfs.dir "/proc/self/fd" do
    count = count + 1
  end
  return count
end

-- Starts reading; options: take (pieces before it pauses), cancels, and the client's fields.
local function start(path, options, conditions)
  options = options or {}
  return caller:start { kind = "FILE", take = options.take or ALL, cancels = options.cancels,
    within = options.within, file = { verb = "MG_FILE_READ", path = path, conditions = conditions } }
end

local function read(path, conditions)
  local call = start(path, nil, conditions)
  caller:wait()
  return call
end

-- The head as { status, name = value }, names in lower case.
local function head(call)
  local fields = { call.taker.status }
  for name, value in (core.text(call.taker.head)):gmatch "([^\n]-): ([^\n]*)\n" do
    assert.is_nil(fields[name:lower()], name .. " comes twice")
    fields[name:lower()] = value
  end
  return fields
end

-- The fields of a result without a head.
local function fields_of(call)
  local list, headers = {}, call.C.result.headers
  for i = 0, headers.count - 1 do
    list[#list + 1] = core.text(headers.items[i].name):lower() .. ": " .. core.text(headers.items[i].value)
  end
  return table.concat(list, "\n")
end

local function bytes(call)
  return core.text(call.taker.bytes)
end

setup(function()
  root = os.tmpname()
  os.remove(root)
  assert.equal(0, os.execute(("mkdir -p '%s/sub' && mkfifo '%s/fifo' && ln -s /etc/passwd '%s/out'"):format(root, root, root)))
end)

teardown(function()
  os.execute("rm -rf '" .. root .. "'")
end)

local before

before_each(function()
  write("a.html", "0123456789")
  write("empty.txt", "")
  write("big", big)
  caller = assert(backend.files(root, 1, 64))
  before = descriptors()
end)

after_each(function()
  -- A thread may still be at what nobody waits for any more.
  assert.is_truthy(wait.till(function() return descriptors() == before end), descriptors() .. ", not " .. before)
  assert.is_true(caller:close())
end)

describe("a file that is streamed", function()
  it("comes with its type, length, tag, date, and that ranges can be had", function()
    local call = read "a.html"
    local fields = head(call)
    assert.matches('^"%x+"$', fields.etag)
    fields.etag = nil
    assert.same({ 200, ["content-type"] = "text/html; charset=utf-8", ["content-length"] = "10",
      ["last-modified"] = DATE, ["accept-ranges"] = "bytes" }, fields)
    assert.equal("0123456789", bytes(call))
    assert.same({ "ok", 200, "" }, { call.result.error, call.result.status, call.result.body })
    call = read "empty.txt"
    assert.same({ 200, "0", "", 0 }, { head(call)[1], head(call)["content-length"], bytes(call), call.taker.pieces })
  end)

  it("comes in pieces of a bounded size", function()
    local call = read "big"
    assert.equal(tostring(#big), head(call)["content-length"])
    assert.is_true(big == bytes(call))
    assert.same({ 6, PIECE, 1 }, { call.taker.pieces, tonumber(call.taker.largest), call.taker.heads })
  end)

  it("is cut to the range that is asked for", function()
    for range, want in pairs { ["bytes=2-4"] = { "234", "bytes 2-4/10" }, ["bytes=-3"] = { "789", "bytes 7-9/10" },
      ["bytes=5-"] = { "56789", "bytes 5-9/10" }, ["bytes=0-100"] = { "0123456789", "bytes 0-9/10" } } do
      local call = read("a.html", { range = range })
      local fields = head(call)
      assert.same({ 206, tostring(#want[1]), want[2], want[1] },
        { fields[1], fields["content-length"], fields["content-range"], bytes(call) })
      assert.equal(206, call.result.status)
    end
    local far = read("big", { range = ("bytes=%d-%d"):format(3 * PIECE - 5, 5 * PIECE) })
    assert.is_true(big:sub(3 * PIECE - 4, 5 * PIECE + 1) == bytes(far))
  end)

  it("says its size where a range lies behind its end, and sends nothing", function()
    local call = read("a.html", { range = "bytes=10-" })
    assert.same({ "status", 416, "it ends before that range", 0, "content-range: bytes */10" },
      { call.result.error, call.result.status, call.result.message, call.taker.heads, fields_of(call) })
  end)

  it("is not sent to who has it, nor to who wants another version", function()
    local tag = head(read "a.html").etag
    local call = read("a.html", { if_none_match = tag })
    assert.same({ 304, etag = tag }, head(call))
    assert.equal("", bytes(call))
    call = read("a.html", { if_modified_since = DATE })
    assert.same({ 304, etag = tag }, head(call))
    call = read("a.html", { if_match = '"other"' })
    assert.same({ "status", 412, 0 }, { call.result.error, call.result.status, call.taker.heads })
    assert.equal(200, head(read("a.html", { if_match = tag }))[1])
    assert.equal("234", bytes(read("a.html", { if_range = tag, range = "bytes=2-4" })))
    assert.equal(200, head(read("a.html", { if_range = '"other"', range = "bytes=2-4" }))[1])
  end)

  it("has another tag once it has changed", function()
    local tag = head(read "a.html").etag
    write("a.html", "0123456789") -- at the same second: the nanoseconds are those of lfs.touch, so by size
    write("a.html", "0123456789x")
    assert.not_equal(tag, head(read "a.html").etag)
    write("a.html", "0123456789")
    lfs.touch(root .. "/a.html", CHANGED + 1)
    assert.not_equal(tag, head(read "a.html").etag)
    os.rename(root .. "/a.html", root .. "/old.html")
    write("a.html", "9876543210") -- another file of the same size and date
    assert.not_equal(tag, head(read "a.html").etag)
    wait.in_time(function() -- within a second
      lfs.touch(root .. "/a.html")
      assert.matches('^W/"', head(read "a.html").etag)
    end)
  end)

  it("has the same head for HEAD, and no body", function()
    local get, other = read "big", read("big", { method = "HEAD", range = "bytes=0-1" })
    assert.same(head(get), head(other))
    assert.same({ "", 0 }, { bytes(other), other.taker.pieces })
  end)

  it("is not there, as a status and without a head, when it is none", function()
    for _, path in ipairs { "none", "none/a", "a.html/b", "sub", "fifo", "../a.html", "", "/etc/passwd", "sub/", "a.html/",
      "a.html\0" } do
      local call = read(path)
      assert.same({ "status", 404, 0, 0 }, { call.result.error, call.result.status, call.taker.heads, call.taker.pieces },
        path)
    end
    local call = read "out" -- that is the gateway's fault, not the client's
    assert.same({ "file", 0 }, { call.result.error, call.taker.heads })
  end)
end)

describe("a sink that wants no more", function()
  it("is left alone until it does, and holds no thread meanwhile", function()
    local call = start("big", { take = 1 })
    for pieces = 1, 5 do
      caller:wait()
      assert.same({ pieces, true }, { call.taker.pieces, call.taker.paused })
      assert.equal(before + 1, descriptors()) -- the file stays open
      local other = caller:start { kind = "FILE", file = { verb = "MG_FILE_READ", path = "a.html" } }
      caller:wait() -- it is read by the pool's only thread
      assert.same({ "0123456789", pieces }, { other.result.body, call.taker.pieces })
      caller:resume(call)
    end
    caller:wait()
    caller:wait() -- its last piece pauses it too, but there is no more to read
    assert.equal("ok", call.result.error)
    assert.is_true(big == bytes(call))
  end)

  it("may be resumed twice, or while it reads", function()
    local call = start("big", { take = 1 })
    caller:wait()
    caller:resume(call)
    caller:resume(call)
    caller:wait()
    assert.equal(2, call.taker.pieces)
    for _ = 1, 10 do
      if not call.result then
        caller:resume(call)
        caller:wait()
      end
    end
    assert.is_true(big == bytes(call))
  end)

  it("has the file closed when its call is cancelled", function()
    local call = start("big", { take = 2 })
    caller:wait()
    assert.equal(2, call.taker.pieces)
    caller:cancel(call)
    assert.equal(before, descriptors())
    caller:wait()
    assert.same({ "cancelled", 2 }, { call.result.error, call.taker.pieces })
  end)

  it("has the file closed when the backend closes", function()
    local call = start("big", { take = 1 })
    caller:wait()
    assert.is_true(call.taker.paused)
    assert.is_true(caller:close())
    caller = assert(backend.files(root))
    assert.equal(before, descriptors())
  end)
end)

describe("a call that is cancelled while it streams", function()
  for _, where in ipairs { "head", "data" } do
    it("by its sink's " .. where .. " is told nothing more", function()
      local call = start("big", { cancels = where })
      caller:wait()
      assert.same({ "cancelled", 1, where == "data" and 1 or 0 },
        { call.result.error, call.taker.heads, call.taker.pieces })
    end)
  end

  it("while a thread reads is let go of at once", function()
    for _ = 1, 50 do
      local call
      wait.till(function() -- a thread that stood still in the last one is busy for that long
        call = start "big"
        caller:cancel(call)
        caller:wait()
        return call.result.error ~= "busy"
      end)
      assert.same({ "cancelled", 0 }, { call.result.error, call.taker.heads })
    end
    assert.is_true(caller:close()) -- waits for the threads
    caller = assert(backend.files(root, 1, 64))
  end)

  it("at its deadline, before its head, is a timeout", function()
    local call = start("big", { within = 0 })
    caller:wait()
    assert.same({ "timeout", 0 }, { call.result.error, call.taker.heads })
  end)
end)

describe("a file that changes while it is read", function()
  ffi.cdef "int truncate(const char *path, long length);"

  it("and shrinks fails after its head, with no byte made up", function()
    local call = start("big", { take = 1 })
    caller:wait()
    ffi.C.truncate(root .. "/big", PIECE + 10)
    caller:resume(call)
    caller:wait()
    assert.same({ "file", 200, 1 }, { call.result.error, call.taker.status, call.taker.pieces })
    assert.matches("became shorter", call.result.message)
  end)

  it("and grows is sent as it was announced", function()
    local call = start("big", { take = 1 })
    caller:wait()
    local file = io.open(root .. "/big", "ab")
    file:write(("more"):rep(100000))
    file:close()
    while not call.result do
      caller:resume(call)
      caller:wait()
    end
    assert.equal("ok", call.result.error)
    assert.is_true(big == bytes(call))
  end)

  it("and is replaced is sent as it was", function()
    local call = start("big", { take = 1 })
    caller:wait()
    os.remove(root .. "/big")
    write("big", ("x"):rep(#big))
    while not call.result do
      caller:resume(call)
      caller:wait()
    end
    assert.is_true(big == bytes(call))
  end)
end)
