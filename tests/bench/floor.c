// The floor: what the benchmark's work costs in a bare loop of the same libraries, with no router,
// no limits and no time-outs. Beside that the backend that answers late and the one that never
// does.
//   floor LISTENING-FD [PORT-OF-USERS PORT-OF-ORDERS PORT-OF-WALLET PORT-OF-HOLD]
#include <lauxlib.h>
#include <llhttp.h>
#include <lualib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { CALLS_MOST = 20, BODY_MOST = 1024, PATH_MOST = 128, SERVICES = 4, TIMERS = 3 };
enum service { USERS, ORDERS, WALLET, HOLD };

struct body {
    size_t len;
    char bytes[BODY_MOST];
};

// A client's connection and its one request in hand. It goes when its handles are closed and
// nothing is under way for it any more.
struct client {
    uv_tcp_t tcp;
    uv_timer_t timers[TIMERS];
    llhttp_t parser;
    size_t path_len;
    char path[PATH_MOST];
    unsigned handles;    // not closed yet
    unsigned waits;      // calls and timers under way
    unsigned parts;      // bodies to be merged when they are over
    int answer;          // the Lua function that then makes the reply
    bool held;           // counted in `held`, never answered
    struct body *bodies; // from the first fan-out on
    unsigned room;       // how many bodies there is room for
};

// A connection to a backend: with a request of `client` on it, or among its backend's idle ones.
struct call {
    uv_tcp_t tcp;
    uv_connect_t connect;
    llhttp_t parser;
    struct backend *backend;
    struct call *next;
    struct client *client;
    struct body *body;
    int request_len;
    char request[PATH_MOST + 64];
};

struct backend {
    int port;
    struct call *idle;
};

static const char script[] =
    "local cjson = require 'cjson'\n"
    "local decode, encode = cjson.decode, cjson.encode\n"
    "return function() return encode { message = 'hello' } end,\n"
    "function(profile, orders, wallet)\n"
    "  return encode { profile = decode(profile), orders = decode(orders),\n"
    "    wallet = decode(wallet) }\n"
    "end,\n"
    "function(...)\n"
    "  local bodies, merged = { ... }, {}\n"
    "  for i = 1, #bodies do merged['part' .. i] = decode(bodies[i]) end\n"
    "  return encode(merged)\n"
    "end,\n"
    "function()\n"
    "  return encode { read_api = 'read_api', read_db = 'read_db', result_file = 'result_file' }\n"
    "end,\n"
    "function() return encode 'read_api' end\n";
enum answer { HELLO, FAN3, FAN20, POOL, API, ANSWERS };

static uv_loop_t *loop;
static lua_State *L;
static int answers[ANSWERS]; // references to the functions of the script
static struct backend backends[SERVICES];
static unsigned held; // requests that are never answered
static char room[65536];
static llhttp_settings_t request_settings, reply_settings;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "floor: %s: %s\n", what, why);
    exit(1);
}

static void must(int code, const char *what)
{
    if (code < 0)
        die(what, uv_strerror(code));
}

static void lend_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    *buf = uv_buf_init(room, sizeof room); // what is read is used up before the next read
}

static void free_if_over(struct client *client)
{
    if (client->handles > 0 || client->waits > 0)
        return;
    free(client->bodies);
    free(client);
}

static void on_client_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    client->handles--;
    free_if_over(client);
}

static void close_client(struct client *client)
{
    if (uv_is_closing((uv_handle_t *)&client->tcp))
        return;
    if (client->held) {
        held--;
        client->waits = 0;
    }
    for (int i = 0; i < TIMERS; i++) {
        if (uv_is_active((uv_handle_t *)&client->timers[i]))
            client->waits--;
        uv_close((uv_handle_t *)&client->timers[i], on_client_closed);
    }
    uv_close((uv_handle_t *)&client->tcp, on_client_closed);
}

// Replies are far smaller than the kernel's buffer: one that does not fit means a client that does
// not read, and such a one is dropped.
static void reply(struct client *client, const char *body, size_t len)
{
    static char bytes[SERVICES * BODY_MOST * CALLS_MOST];
    int head = snprintf(bytes, 256,
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        len);
    memcpy(bytes + head, body, len);
    uv_buf_t buf = uv_buf_init(bytes, (unsigned)((size_t)head + len));
    if (uv_try_write((uv_stream_t *)&client->tcp, &buf, 1) != (int)buf.len)
        close_client(client);
}

static void answer(struct client *client)
{
    size_t len;
    lua_rawgeti(L, LUA_REGISTRYINDEX, answers[client->answer]);
    for (unsigned i = 0; i < client->parts; i++)
        lua_pushlstring(L, client->bodies[i].bytes, client->bodies[i].len);
    if (lua_pcall(L, (int)client->parts, 1, 0) != 0)
        die("lua", lua_tostring(L, -1));
    const char *text = lua_tolstring(L, -1, &len);
    reply(client, text, len);
    lua_pop(L, 1);
}

static void one_is_over(struct client *client)
{
    client->waits--;
    if (uv_is_closing((uv_handle_t *)&client->tcp))
        free_if_over(client);
    else if (client->waits == 0)
        answer(client);
}

static int on_reply_body(llhttp_t *parser, const char *at, size_t len)
{
    struct body *body = ((struct call *)parser->data)->body;
    if (body->len + len > BODY_MOST)
        die("reply", "too long");
    memcpy(body->bytes + body->len, at, len);
    body->len += len;
    return 0;
}

static int on_reply_complete(llhttp_t *parser)
{
    struct call *call = parser->data;
    struct client *client = call->client;
    call->client = NULL;
    call->next = call->backend->idle;
    call->backend->idle = call;
    one_is_over(client);
    return 0;
}

static void on_call_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_call_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct call *call = stream->data;
    if (len > 0 && llhttp_execute(&call->parser, buf->base, (size_t)len) == HPE_OK)
        return;
    if (len == 0)
        return;
    if (call->client)
        die("backend", len < 0 ? uv_strerror((int)len) : "sends no HTTP");
    struct call **at = &call->backend->idle;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    uv_close((uv_handle_t *)&call->tcp, on_call_closed);
}

static void send_call(struct call *call)
{
    uv_buf_t buf = uv_buf_init(call->request, (unsigned)call->request_len);
    if (uv_try_write((uv_stream_t *)&call->tcp, &buf, 1) != call->request_len)
        die("backend", "takes no request");
}

static void on_connected(uv_connect_t *connect, int code)
{
    struct call *call = connect->data;
    must(code, "connect");
    uv_tcp_nodelay(&call->tcp, 1);
    must(uv_read_start((uv_stream_t *)&call->tcp, lend_room, on_call_read), "read");
    send_call(call);
}

static struct call *new_call(struct backend *backend)
{
    struct call *call = calloc(1, sizeof *call);
    if (!call)
        die("call", "no memory");
    call->backend = backend;
    must(uv_tcp_init(loop, &call->tcp), "socket");
    call->tcp.data = call->connect.data = call;
    llhttp_init(&call->parser, HTTP_RESPONSE, &reply_settings);
    call->parser.data = call;
    return call;
}

static void start_call(struct client *client, unsigned slot, enum service service, const char *path,
                       const char *end)
{
    struct backend *backend = &backends[service];
    struct call *call = backend->idle;
    if (call)
        backend->idle = call->next;
    struct call *ready = call;
    if (!call)
        call = new_call(backend);
    call->client = client;
    call->body = &client->bodies[slot];
    call->body->len = 0;
    call->request_len =
        snprintf(call->request, sizeof call->request,
                 "GET %s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", path, end, backend->port);
    client->waits++;
    client->parts++;
    if (ready) {
        send_call(call);
        return;
    }
    struct sockaddr_in address;
    uv_ip4_addr("127.0.0.1", backend->port, &address);
    must(uv_tcp_connect(&call->connect, &call->tcp, (struct sockaddr *)&address, on_connected),
         "connect");
}

static void on_timer(uv_timer_t *timer)
{
    one_is_over(timer->data);
}

static void start_timer(struct client *client, unsigned slot, uint64_t ms)
{
    client->waits++;
    uv_timer_start(&client->timers[slot], on_timer, ms, 0);
}

static void make_room(struct client *client, unsigned count)
{
    if (client->room >= count)
        return;
    free(client->bodies);
    client->bodies = calloc(count, sizeof *client->bodies);
    client->room = count;
    if (!client->bodies)
        die("bodies", "no memory");
}

static void fan_out(struct client *client, int answer, const char *id)
{
    make_room(client, answer == FAN3 ? 3 : CALLS_MOST);
    client->answer = answer;
    if (answer == FAN3) {
        start_call(client, 0, USERS, "/users/", id);
        start_call(client, 1, ORDERS, "/orders/", id);
        start_call(client, 2, WALLET, "/wallet/", id);
        return;
    }
    for (unsigned i = 0; i < CALLS_MOST; i++) {
        char part[8];
        snprintf(part, sizeof part, "%u", i + 1);
        start_call(client, i, i % HOLD, "/part/", part);
    }
}

static void hold(struct client *client)
{
    make_room(client, 3);
    for (unsigned i = 0; i < 3; i++)
        start_call(client, i, HOLD, "/wait", "");
}

static void pool(struct client *client)
{
    client->answer = POOL;
    for (unsigned i = 0; i < TIMERS; i++)
        start_timer(client, i, 100 * (i + 1));
}

static void answer_late(struct client *client)
{
    client->answer = API;
    start_timer(client, 0, 300);
}

static void keep_waiting(struct client *client)
{
    client->waits++;
    client->held = true;
    held++;
}

static void say_waiting(struct client *client)
{
    char text[16];
    int len = snprintf(text, sizeof text, "%u", held);
    reply(client, text, (size_t)len);
}

static int on_request_complete(llhttp_t *parser)
{
    struct client *client = parser->data;
    const char *path = client->path;
    client->path[client->path_len] = '\0';
    client->path_len = 0;
    client->parts = 0;
    client->answer = HELLO;
    if (strncmp(path, "/fan3/", 6) == 0)
        fan_out(client, FAN3, path + 6);
    else if (strncmp(path, "/fan20/", 7) == 0)
        fan_out(client, FAN20, path + 7);
    else if (strcmp(path, "/pool") == 0)
        pool(client);
    else if (strcmp(path, "/waiting") == 0)
        say_waiting(client);
    else if (strcmp(path, "/wait") == 0)
        keep_waiting(client);
    else if (strcmp(path, "/hold") == 0)
        hold(client);
    else if (strcmp(path, "/api") == 0)
        answer_late(client);
    else
        answer(client);
    return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct client *client = parser->data;
    if (client->path_len + len >= sizeof client->path)
        return HPE_USER;
    memcpy(client->path + client->path_len, at, len);
    client->path_len += len;
    return 0;
}

static void on_client_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct client *client = stream->data;
    if (len < 0 || (len > 0 && llhttp_execute(&client->parser, buf->base, (size_t)len) != HPE_OK))
        close_client(client);
}

static void on_connection(uv_stream_t *listener, int code)
{
    must(code, "listen");
    struct client *client = calloc(1, sizeof *client);
    if (!client)
        die("client", "no memory");
    must(uv_tcp_init(loop, &client->tcp), "socket");
    client->tcp.data = client;
    for (int i = 0; i < TIMERS; i++) {
        uv_timer_init(loop, &client->timers[i]);
        client->timers[i].data = client;
    }
    client->handles = TIMERS + 1;
    llhttp_init(&client->parser, HTTP_REQUEST, &request_settings);
    client->parser.data = client;
    must(uv_accept(listener, (uv_stream_t *)&client->tcp), "accept");
    uv_tcp_nodelay(&client->tcp, 1);
    must(uv_read_start((uv_stream_t *)&client->tcp, lend_room, on_client_read), "read");
}

static void start_lua(void)
{
    L = luaL_newstate();
    if (!L)
        die("lua", "no memory");
    luaL_openlibs(L);
    if (luaL_loadstring(L, script) != 0 || lua_pcall(L, 0, ANSWERS, 0) != 0)
        die("lua", lua_tostring(L, -1));
    for (int i = ANSWERS - 1; i >= 0; i--)
        answers[i] = luaL_ref(L, LUA_REGISTRYINDEX);
}

int main(int count, char **arguments)
{
    uv_tcp_t listener;
    if (count < 2)
        die("usage", "floor LISTENING-FD [BACKEND-PORT...]");
    for (int i = 2; i < count && i - 2 < SERVICES; i++)
        backends[i - 2].port = atoi(arguments[i]);
    signal(SIGPIPE, SIG_IGN);
    loop = uv_default_loop();
    start_lua();
    request_settings.on_url = on_url;
    request_settings.on_message_complete = on_request_complete;
    reply_settings.on_body = on_reply_body;
    reply_settings.on_message_complete = on_reply_complete;
    must(uv_tcp_init(loop, &listener), "socket");
    must(uv_tcp_open(&listener, atoi(arguments[1])), "listening socket");
    must(uv_listen((uv_stream_t *)&listener, 4096, on_connection), "listen");
    return uv_run(loop, UV_RUN_DEFAULT);
}
