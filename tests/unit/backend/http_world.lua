-- Calls to HTTP services from specs: a service over fake backends, and calls whose results come back
-- as Lua tables. See http_probe.c and fake_backend.h.
local core = require "support.core"
local ffi = require "ffi"
local posix = require "support.posix"
core.cdef("data/call.h", "backend/address.h")

ffi.cdef [[
struct fake_step { const char *bytes; size_t len; int delay_ms; int then; bool early; };
struct fake_backend *fake_new(const struct fake_step *steps, unsigned count, bool each, bool ipv6);
void fake_stop(struct fake_backend *fake);
void fake_free(struct fake_backend *fake);
void fake_hurry(struct fake_backend *fake);
int fake_port(struct fake_backend *fake);
unsigned fake_connections(struct fake_backend *fake);
unsigned probe_connections_kept;
unsigned fake_requests(struct fake_backend *fake);
unsigned fake_most_at_once(struct fake_backend *fake);
unsigned fake_resets(struct fake_backend *fake);
bool fake_wait_open(struct fake_backend *fake, unsigned count, int ms);
bool fake_wait_requests(struct fake_backend *fake, unsigned count, int ms);
size_t fake_recorded(struct fake_backend *fake);
size_t fake_received(struct fake_backend *fake, char *room, size_t len);

struct mute_port *mute_port_new(const char *address, int port);
int mute_port_number(struct mute_port *mute);
void mute_port_free(struct mute_port *mute);

struct fake_tls *fake_tls_new(const char *names, const char *file);
void fake_tls_free(struct fake_tls *fake);
int fake_tls_port(struct fake_tls *fake);
unsigned fake_tls_handshakes(struct fake_tls *fake);

struct probe_config {
    struct mg_str name; const struct mg_str *urls; unsigned url_count; uint64_t connect_ms;
    unsigned at_once, waiting; uint64_t patience_ms, unheard_ms; size_t head_most;
    int path; bool share;
};
struct probe_name { const char *text; const char *address; };
struct probe *probe_new(const struct probe_config *config, const struct probe_name *names,
                        unsigned name_count, unsigned refresh_ms, const char *ca_file,
                        const char **why);
void probe_name_set(struct probe *probe, const char *text, const char *address);
unsigned probe_names_looked_up(struct probe *probe);
void probe_free(struct probe *probe);
void probe_start(struct probe *probe, struct mg_call *call);
void probe_cancel(struct probe *probe, struct mg_call *call);
bool probe_run(struct probe *probe, unsigned landed, unsigned ms);
unsigned probe_slowest_turn(struct probe *probe);
unsigned probe_mean_us(struct probe *probe);
unsigned probe_entries(const char *folder);
unsigned probe_crowd(struct probe *probe, unsigned count, unsigned within_ms, unsigned kind);
unsigned probe_crowd_leaves(struct probe *probe, unsigned count, unsigned ms);
unsigned probe_two_workers(struct probe *probe, unsigned count);

struct probe_sink { struct mg_sink sink; struct mg_buf bytes; int status; unsigned pauses; bool always;
  struct probe *probe; struct mg_call *call; bool cancels_at_head, cancels_at_data; };
struct probe_sink *probe_sink_new(struct mg_call *call);
void probe_sink_resume(struct probe *probe, struct mg_call *call);
void probe_sink_free(struct probe_sink *sink);
]]

local C = ffi.C
local world = { C = C }

-- What the test has opened, closed by world.close.
local opened = {}

local THEN = { keep = 0, close = 1, reset = 2 }

-- A backend that answers with `steps`: { "bytes", delay = ms, after = "close" | "reset", early = true }.
-- Options: each (steps count per connection), ipv6.
function world.fake(steps, options)
  options = options or {}
  local list = ffi.new("struct fake_step[?]", #steps)
  for i, step in ipairs(steps) do
    step = type(step) == "string" and { step } or step
    list[i - 1] = { step[1], #step[1], step.delay or 0, THEN[step.after or "keep"], step.early or false }
  end
  local fake = C.fake_new(list, #steps, options.each or false, options.ipv6 or false)
  assert(fake ~= nil, "no fake backend")
  table.insert(opened, { C.fake_free, fake })
  return fake
end

-- A TLS backend whose certificate is for `names`, and the file that the certificate is in.
function world.fake_tls(names)
  local file = os.tmpname()
  local fake = C.fake_tls_new(names, file)
  table.insert(opened, { os.remove, file })
  table.insert(opened, { C.fake_tls_free, fake })
  return fake, file
end

-- A port of `address` that answers nobody; the number may be that of a fake backend elsewhere.
function world.mute(address, port)
  local mute = C.mute_port_new(address, port or 0)
  assert(mute ~= nil, "the port is taken")
  table.insert(opened, { C.mute_port_free, mute })
  return C.mute_port_number(mute)
end

-- The URL of a port that refuses connections, and that nobody else can take meanwhile.
function world.gone(host)
  local fd, port = posix.listen(nil)
  table.insert(opened, { posix.close, fd })
  return ("http://%s:%d"):format(host or "127.0.0.1", port)
end

function world.received(fake)
  local room = ffi.new("char[?]", 4 * 1024 * 1024)
  return ffi.string(room, C.fake_received(fake, room, 4 * 1024 * 1024))
end

function world.url(fake, host)
  return ("http://%s:%d"):format(host or "127.0.0.1", C.fake_port(fake))
end

-- An answer as text: status line words, body, further header lines.
function world.answer(status, body, headers)
  local lines = { "HTTP/1.1 " .. status, "Content-Length: " .. #body }
  for _, line in ipairs(headers or {}) do
    lines[#lines + 1] = line
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. body
end

local PATHS = { fitting = 0, plain = 1, libcurl = 2 } -- enum mg_http_path

-- A describe() that describes everything twice: what holds for one transport holds for the other.
function world.over_both(describe, before_each)
  return function(title, body)
    for _, path in ipairs { "libcurl", "plain" } do
      describe(title .. ", over " .. path .. ",", function()
        before_each(function() world.path = path end)
        body(path)
      end)
    end
  end
end

-- A service at `urls` (one, or a list); options are those of struct mg_http_config, `names` (host ->
-- address, false: fails, "hang"), `refresh_ms` of names, `ca`, a file of certificates, `path`, `share`,
-- `kept`: connections between calls.
function world.service(urls, options)
  options = options or {}
  urls = type(urls) == "table" and urls or { urls }
  local texts = ffi.new("struct mg_str[?]", #urls)
  for i, url in ipairs(urls) do
    texts[i - 1].data, texts[i - 1].len = url, #url
  end
  local config = ffi.new("struct probe_config", { urls = texts, url_count = #urls })
  config.name.data, config.name.len = "users", 5
  config.path = PATHS[options.path or world.path or "fitting"]
  for _, key in ipairs { "at_once", "patience_ms", "unheard_ms", "head_most" } do
    config[key] = options[key] or 0
  end
  config.connect_ms = options.connect_ms or 10000
  config.share = options.share or false
  config.waiting = options.waiting or 4096
  local names, count = ffi.new "struct probe_name[8]", 0
  for text, address in pairs(options.names or {}) do
    names[count].text = text
    names[count].address = address or nil
    count = count + 1
  end
  local why = ffi.new "const char *[1]"
  C.probe_connections_kept = options.kept or 0
  local probe = C.probe_new(config, names, count, options.refresh_ms or 0, options.ca, why)
  if probe == nil then
    return nil, ffi.string(why[0])
  end
  local service = { probe = probe, landed = 0 }
  table.insert(opened, { C.probe_free, probe })
  return service
end

function world.close()
  for i = #opened, 1, -1 do
    opened[i][1](opened[i][2])
  end
  opened = {}
end

local kinds = {}
local function word(status)
  if not next(kinds) then
    ffi.cdef "const char *mg_status_word(enum mg_status status);"
  end
  return ffi.string(C.mg_status_word(status))
end

-- Starts a call: { method, path, headers = { { name, value } }, body, within, body_most, redirects,
-- sink }. Returns it, to be given to world.land, world.cancel.
function world.start(service, ask)
  local call = { arena = core.arena(), kept = {}, service = service }
  local function str(text)
    call.kept[#call.kept + 1] = text
    return core.str(text)
  end
  local c = ffi.new "struct mg_call"
  call.c = c
  c.kind = C.MG_CALL_HTTP
  c.http.method = C["MG_" .. (ask.method or "GET")]
  c.http.path = str(ask.path or "/")
  c.http.redirects = ask.redirects or 0
  for _, header in ipairs(ask.headers or {}) do
    assert(C.mg_headers_add(c.http.headers, call.arena, C.mg_arena_copy(call.arena, str(header[1])),
                            C.mg_arena_copy(call.arena, str(header[2]))))
  end
  if ask.body then
    c.http.has_body = true
    c.http.body = C.mg_arena_copy(call.arena, str(ask.body))
  end
  c.http.path = C.mg_arena_copy(call.arena, c.http.path)
  c.deadline = ask.within or 20000
  c.body_most = ask.body_most or 1024 * 1024
  c.arena = call.arena
  if ask.sink then
    call.sink = C.probe_sink_new(c)
    call.sink.always = ask.sink ~= "some" and ask.sink ~= "none"
    call.sink.probe, call.sink.call = service.probe, c
    call.sink.cancels_at_head, call.sink.cancels_at_data = ask.sink == "until head", ask.sink == "until data"
  end
  C.probe_start(service.probe, c)
  service.started = (service.started or 0) + 1
  return call
end

function world.cancel(call)
  C.probe_cancel(call.service.probe, call.c)
end

-- The result as a table: error (a word), message, status, headers (list of "name: value"), body, form.
function world.result(call)
  local result = call.c.result
  if not result.landed then
    return nil
  end
  local headers = {}
  for i = 0, result.headers.count - 1 do
    local item = result.headers.items[i]
    headers[#headers + 1] = core.text(item.name) .. ": " .. core.text(item.value)
  end
  return {
    error = word(result.error), message = core.text(result.message) or "", status = result.status,
    headers = headers, body = core.text(result.body) or "", ms = result.ms,
    json = result.form == C.MG_BODY_JSON,
  }
end

-- Runs the loop until all calls started so far have landed; 30 s at most.
function world.land(service)
  assert(C.probe_run(service.probe, service.started, 30000), "calls have not landed")
end

-- One call, and its result.
function world.ask(service, ask)
  local call = world.start(service, ask or {})
  world.land(service)
  return world.result(call), call
end

return world
