-- Calls made on one backend in the test executable, for the specs of backend/:
--   local caller = backend.files(root)
--   local call = caller:start { kind = "FILE", file = { verb = "MG_FILE_READ", path = "a.txt" } }
--   caller:wait()
--   call.result -- { error = "ok", status = 200, body = "...", form = "text", ms = 0 }
local core = require "support.core"
local ffi = require "ffi"
local C = core.cdef("data/call.h", "base/status.h")

ffi.cdef [[
  struct caller;
  struct caller *caller_value(void);
  struct caller *caller_files(const char *root, unsigned threads, unsigned queue, struct mg_buf *why);
  struct caller *caller_sqlite(const char *path, unsigned readers, unsigned queue,
                             struct mg_buf *why);
  struct caller *caller_postgres(const char *url, unsigned at_once, struct mg_buf *why);
  bool caller_start(struct caller *caller, struct mg_call *call, double within);
  bool caller_cancel(struct caller *caller, struct mg_call *call);
  unsigned caller_wait(struct caller *caller);
  bool caller_end(struct caller *caller);
  struct taker {
    struct mg_sink sink; struct caller *caller; struct mg_call *call;
    unsigned eager, had, heads, pieces; size_t largest;
    bool cancels_at_head, cancels_at_data, paused; int status; struct mg_buf head, bytes;
  };
  struct taker *caller_taker(struct caller *caller, struct mg_call *call, unsigned eager);
  void caller_resume(struct caller *caller, struct taker *taker);
  void taker_free(struct taker *taker);
]]

local backend = {}

local caller = {}
caller.__index = caller

local function open(made, why)
  if made == nil then
    return nil, core.text(why)
  end
  return setmetatable({ C = made, calls = {} }, caller)
end

function backend.value()
  return open(C.caller_value())
end

function backend.files(root, threads, queue)
  local why = core.buf()
  return open(C.caller_files(root, threads or 2, queue or 16, why), why)
end

function backend.sqlite(path, readers, queue)
  local why = core.buf()
  return open(C.caller_sqlite(path, readers or 2, queue or 16, why), why)
end

-- Every host name in `url` stands for two addresses, at the first of which nobody listens.
function backend.postgres(url, at_once)
  local why = core.buf()
  return open(C.caller_postgres(url, at_once or 8, why), why)
end

backend.null = {} -- as an argument of a statement

local function fill_arg(slot, value, keep)
  if value == backend.null then
    slot.type = "MG_SQL_NULL"
  elseif type(value) == "boolean" then
    slot.type, slot.integer = "MG_SQL_BOOL", value and 1 or 0
  elseif type(value) == "string" then
    keep[#keep + 1] = core.str(value)
    slot.type, slot.text = "MG_SQL_TEXT", keep[#keep]
  elseif type(value) == "cdata" or value % 1 == 0 then
    slot.type, slot.integer = "MG_SQL_INT", value
  else
    slot.type, slot.real = "MG_SQL_REAL", value
  end
end

local fill_sql
function fill_sql(ask, sql, keep)
  local args, parts = sql.args or {}, sql.parts or {}
  local text, list = core.str(sql.sql or ""), ffi.new("struct mg_sql_arg[?]", math.max(#args, 1))
  local asks = ffi.new("struct mg_sql_ask[?]", math.max(#parts, 1))
  for _, one in ipairs { text, list, asks } do
    keep[#keep + 1] = one
  end
  for i, value in ipairs(args) do
    fill_arg(list[i - 1], value, keep)
  end
  for i, part in ipairs(parts) do
    fill_sql(asks[i - 1], part, keep)
  end
  ask.verb, ask.sql, ask.args, ask.arg_count = sql.verb, text, list, #args
  ask.parts, ask.part_count = asks, #parts
end

local function fill_conditions(ask, fields, keep)
  local conditions = ffi.new "struct mg_conditions"
  keep[#keep + 1] = conditions
  conditions.method = "MG_" .. (fields.method or "GET")
  for name, value in pairs(fields) do
    if name ~= "method" then
      keep[#keep + 1] = core.str(value)
      conditions[name] = keep[#keep]
    end
  end
  ask.conditions = conditions
end

-- Starts a call. `within`: ms until its deadline, 10 s unless told; `most`: bytes of its body;
-- `take`: its result goes into a sink that pauses after so many pieces (call.taker).
function caller:start(ask)
  local arena = core.arena()
  local c = ffi.gc(ffi.new "struct mg_call", function()
    C.mg_arena_fini(arena)
  end)
  c.kind = "MG_CALL_" .. ask.kind
  c.body_most = ask.most or 65536
  c.arena = arena
  local call = { C = c, arena = arena, keep = {} }
  if ask.file then
    call.keep[1] = core.str(ask.file.path)
    c.file.verb, c.file.path = ask.file.verb, call.keep[1]
    if ask.file.conditions then
      fill_conditions(c.file, ask.file.conditions, call.keep)
    end
  elseif ask.sql then
    fill_sql(c.sql, ask.sql, call.keep)
  elseif ask.value then
    call.keep[1] = core.str(ask.value.json)
    c.value.json, c.value.delay = call.keep[1], ask.value.delay or 0
  end
  if ask.take then
    call.taker = ffi.gc(C.caller_taker(self.C, c, ask.take), C.taker_free)
    call.taker.cancels_at_head = ask.cancels == "head"
    call.taker.cancels_at_data = ask.cancels == "data"
  end
  self.calls[#self.calls + 1] = call
  if not C.caller_start(self.C, c, ask.within or 10000) then
    error "the call landed inside mg_backend_start"
  end
  return call
end

function caller:cancel(call)
  if not C.caller_cancel(self.C, call.C) then
    error "the call landed inside mg_backend_cancel"
  end
end

function caller:resume(call)
  C.caller_resume(self.C, call.taker)
end

-- Runs the loop until all calls have landed or are paused; fills call.result of each; how many landed.
function caller:wait()
  local landed = C.caller_wait(self.C)
  for _, call in ipairs(self.calls) do
    local result = call.C.result
    if result.landed then
      call.result = {
        error = ffi.string(C.mg_status_word(result.error)),
        message = core.text(result.message) or "",
        status = result.status,
        body = core.text(result.body) or "",
        form = result.form == C.MG_BODY_JSON and "json" or "text",
        ms = result.ms,
      }
    end
  end
  return landed
end

-- Starts one call and waits for it; its result.
function caller:ask(ask)
  local call = self:start(ask)
  self:wait()
  return call.result
end

-- Closes the backend; whether it said so in a later turn, when every call had landed.
function caller:close()
  local closed = C.caller_end(self.C)
  self.C = nil
  return closed
end

return backend
