local core = require "support.core"
local backend = require "support.backend"
local ffi = require "ffi"

local C = core.cdef "backend/beneath.h"
pcall(ffi.cdef, "int open(const char *path, int flags, ...); int close(int fd);")

local root, caller
local top -- of what the specs make; root is below it

local function shell(command)
  assert.equal(0, os.execute("cd '" .. root .. "' && " .. command))
end

local function write(name, bytes)
  local file = assert(io.open(root .. "/" .. name, "wb"))
  file:write(bytes)
  file:close()
end

local function ask(verb, path, options)
  local call = { kind = "FILE", file = { verb = "MG_FILE_" .. verb, path = path } }
  for key, value in pairs(options or {}) do
    call[key] = value
  end
  return caller:ask(call)
end

setup(function()
  top = os.tmpname()
  os.remove(top)
  root = top .. "/pages"
  assert.equal(0, os.execute("mkdir -p '" .. root .. "/sub/deep'"))
  write("../secret.txt", "secret")
  write("a.txt", "one\0two\r\n")
  write("empty", "")
  write("sub/b.json", ' {"b": [1, 2]} ')
  write("sub/bad.json", '{"b": [1, 2}')
  shell [[ln -s ../secret.txt out; ln -s "$PWD/a.txt" absolute; ln -s sub/b.json inside; ln -s .. up
    ln -s sub folder; ln -s loop loop; mkfifo fifo]]
end)

teardown(function()
  os.execute("rm -rf '" .. top .. "'")
end)

before_each(function()
  caller = assert(backend.files(root))
end)

after_each(function()
  assert.is_true(caller:close())
end)

describe("gate.files", function()
  it("reads a file's bytes as they are", function()
    local result = ask("READ", "a.txt")
    assert.same({ "ok", 200, "text", "one\0two\r\n" },
      { result.error, result.status, result.form, result.body })
    assert.same({ "ok", "" }, { ask("READ", "empty").error, ask("READ", "empty").body })
  end)

  it("reads JSON as it stands, and calls what is none malformed", function()
    local result = ask("JSON", "sub/b.json")
    assert.same({ "ok", "json", ' {"b": [1, 2]} ' }, { result.error, result.form, result.body })
    result = ask("JSON", "sub/bad.json")
    assert.equal("malformed", result.error)
    assert.equal("", result.body)
    assert.matches("sub/bad.json: not JSON at byte 12", result.message, 1, true)
  end)

  it("describes files and folders", function()
    assert.matches('^{"mtime":%d+,"size":9,"type":"file"}$', ask("STAT", "a.txt").body)
    assert.matches('"type":"directory"', ask("STAT", "sub").body)
    assert.equal("json", ask("STAT", "sub").form)
    assert.equal("file", ask("STAT", "fifo").error)
  end)

  it("lists names in byte order", function()
    assert.equal('["b.json","bad.json","deep"]', ask("LIST", "sub").body)
    assert.equal("[]", ask("LIST", "sub/deep").body)
    assert.matches('^%["a.txt","absolute","empty","fifo","folder"', ask("LIST", ".").body)
    assert.equal(ask("LIST", ".").body, ask("LIST", "").body)
  end)

  it("counts a file that is not there as status 404", function()
    for _, path in ipairs { "none", "none/a", "a.txt/b", ("n"):rep(300) } do
      local result = ask("READ", path)
      assert.same({ "status", 404 }, { result.error, result.status }, path)
    end
    assert.equal(404, ask("LIST", "none").status)
    assert.equal(404, ask("STAT", "none").status)
  end)

  it("refuses every way out of its folder", function()
    for _, path in ipairs { "..", "../secret.txt", "sub/../../secret.txt", "sub/../a.txt", "/etc/passwd",
      "", ".", "./a.txt", "sub//b.json", "sub/", "/", "a.txt\0", "\0", "out", "absolute",
      "up/secret.txt", "folder/../../secret.txt", "loop" } do
      for _, verb in ipairs { "READ", "JSON" } do
        local result = ask(verb, path)
        assert.same({ "file", "" }, { result.error, result.body }, verb .. " " .. path)
      end
    end
    assert.equal("file", ask("LIST", "up").error)
    assert.equal("file", ask("STAT", "..").error)
  end)

  it("follows a link that stays below its folder", function()
    assert.equal(' {"b": [1, 2]} ', ask("READ", "inside").body)
    assert.equal("ok", ask("READ", "folder/b.json").error)
  end)

  it("reads neither a FIFO nor a folder, and does not wait for either", function()
    for _, path in ipairs { "fifo", "sub" } do
      local result = ask("READ", path)
      assert.equal("file", result.error)
      assert.matches("not a regular file", result.message)
    end
  end)

  it("fails as too_large one byte above the limit", function()
    assert.equal("ok", ask("READ", "a.txt", { most = 9 }).error)
    local result = ask("READ", "a.txt", { most = 8 })
    assert.same({ "too_large", "" }, { result.error, result.body })
    assert.equal("ok", ask("LIST", "sub", { most = 28 }).error)
    assert.equal("too_large", ask("LIST", "sub", { most = 27 }).error)
    assert.equal("too_large", ask("READ", "a.txt", { most = 0 }).error)
    assert.equal("ok", ask("READ", "empty", { most = 0 }).error)
  end)

  it("lands as cancelled when nobody wants it any more, and as timeout at its deadline", function()
    local read = { kind = "FILE", file = { verb = "MG_FILE_READ", path = "a.txt" } }
    local call = caller:start(read)
    caller:cancel(call)
    caller:wait()
    assert.equal("cancelled", call.result.error)
    read.within = 0
    assert.equal("timeout", caller:ask(read).error)
  end)

  it("does not open a folder that is not there", function()
    local none, why = backend.files(root .. "/none")
    assert.is_nil(none)
    assert.matches("No such file or directory", why)
  end)
end)

describe("a system without openat2", function()
  local folder
  local O_RDONLY, O_PATH = 0, 0x200000

  setup(function()
    folder = C.open(root, O_PATH)
  end)
  teardown(function()
    C.close(folder)
  end)

  local function opens(open, path)
    local fd = open(folder, path, O_RDONLY)
    if fd < 0 then
      return ffi.errno()
    end
    C.close(fd)
    return 0
  end

  local ENOENT, ENOTDIR, EXDEV, ENAMETOOLONG, ELOOP = 2, 20, 18, 36, 40

  it("opens the same files, and no link at all", function()
    for _, path in ipairs { "a.txt", "sub/b.json", "sub", ".", "fifo" } do
      assert.equal(0, opens(C.mg_beneath_open, path), path)
      assert.equal(0, opens(C.mg_beneath_walk, path), path)
    end
    for path, why in pairs { none = ENOENT, ["a.txt/b"] = ENOTDIR, ["none/b"] = ENOENT,
      [("n"):rep(256)] = ENAMETOOLONG } do
      assert.equal(why, opens(C.mg_beneath_open, path), path)
      assert.equal(why, opens(C.mg_beneath_walk, path), path)
    end
    for path, why in pairs { out = EXDEV, absolute = EXDEV, ["up/secret.txt"] = EXDEV, inside = 0,
      ["folder/b.json"] = 0, loop = ELOOP } do
      assert.equal(why, opens(C.mg_beneath_open, path), path)
      assert.equal(ELOOP, opens(C.mg_beneath_walk, path), path)
    end
  end)
end)
