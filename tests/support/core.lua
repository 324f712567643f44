-- The core from Lua, for unit specs:
--   local core = require "support.core"
--   core.cdef "json/scan.h"                       -- declares the header and those it includes
--   core.C.mg_json_valid(core.str "[]", 8, nil)
-- A header with a foreign one inside (uv.h) is not declared, its structs stay opaque; what needs
-- them is tested through a probe: a C file beside the spec that is compiled into the executable.
local ffi = require "ffi"
local places = require "support.places"

local core = { C = ffi.C }

local headers = dofile(places.build .. "/tests/cdef.lua")
local declared = {}

-- The first foreign header that a header brings along.
local function foreign_below(name)
  local header = headers[name] or { needs = {} }
  local found = header.foreign
  for _, need in ipairs(header.needs) do
    found = found or foreign_below(need)
  end
  return found
end

local function declare(name)
  local header = headers[name]
  if not header then
    error(("core/%s was not there when the tests were built"):format(name), 3)
  end
  if declared[name] then
    return
  end
  declared[name] = true
  for _, need in ipairs(header.needs) do
    declare(need)
  end
  if not header.foreign then
    local ok, why = pcall(ffi.cdef, header.text)
    if not ok then
      local foreign = foreign_below(name)
      error(("core/%s cannot be declared%s: %s"):format(name,
        foreign and " (test it through a probe, " .. foreign .. " is below it)" or "", why), 0)
    end
  end
end

-- Declares core headers, such as "base/buf.h", once however often it is called.
function core.cdef(...)
  for _, name in ipairs { ... } do
    local header = headers[name]
    if header and header.foreign then
      error(("core/%s includes %s: test it through a probe"):format(name, header.foreign), 2)
    end
    declare(name)
  end
  return ffi.C
end

ffi.cdef "void *malloc(size_t size); void free(void *block);"
core.cdef("base/arena.h", "base/buf.h")

-- struct mg_str borrows: the bytes of a Lua string are copied here and kept as long as the mg_str.
local kept = setmetatable({}, { __mode = "k" })

-- The bytes of a Lua string as a struct mg_str, in memory that ends exactly at the last byte, so
-- that AddressSanitizer sees a read beyond it.
function core.str(text)
  local bytes = ffi.gc(ffi.cast("char *", ffi.C.malloc(math.max(#text, 1))), ffi.C.free)
  ffi.copy(bytes, text, #text)
  local str = ffi.new("struct mg_str", bytes, #text)
  kept[str] = bytes
  return str
end

-- The bytes of a struct mg_str or mg_buf as a Lua string; nil for an mg_str without data.
function core.text(str)
  if str.data == nil then
    return ffi.istype("struct mg_buf", str) and "" or nil
  end
  return ffi.string(str.data, str.len)
end

-- A fresh arena, ended by the collector (or earlier by mg_arena_fini).
function core.arena()
  return ffi.gc(ffi.new "struct mg_arena", ffi.C.mg_arena_fini)
end

-- An empty buffer that holds at most `limit` bytes (none or 0: any), ended by the collector.
function core.buf(limit)
  local buf = ffi.gc(ffi.new "struct mg_buf", ffi.C.mg_buf_fini)
  ffi.C.mg_buf_init(buf, limit or 0)
  return buf
end

return core
