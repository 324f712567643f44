// The only file that knows libcurl. libcurl is entered from three places, none of which runs inside
// one of its callbacks: a socket is ready, its timer is due, or there are transfers to add, resume
// and remove, which are put off to a task of the loop for that reason.
#include "backend/http_curl.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/http_sockets.h"
#include "base/log.h"

enum {
    read_room = 16 << 10, // bytes read at once; each waiting transfer has a buffer of this size
    idle_most = 256,      // easy handles kept for reuse
    fields_most = 128,    // header fields of an answer
    connection_life = 60, // s, so that a name's new addresses are taken up
    idle_life = 30,       // s that a kept connection is trusted for a safe method
    idle_life_unsafe = 3, // and for one that cannot be sent again if it turns out dead
};

static const uint64_t never = UINT64_MAX / 4;

struct curl {
    struct mg_http_transport base;
    struct mg_loop *loop;
    struct mg_tls_store *tls;
    CURLM *multi;
    struct mg_http_sockets sockets;
    struct mg_timer timer; // always set, so that moving it needs no memory
    struct mg_task task;   // works off these:
    struct mg_list cut, resuming, starting;
    struct mg_list idle;
    unsigned idle_count;
    void (*closed)(void *owner);
    void *owner;
};

// An easy handle, with the transfer that it carries now.
struct wire {
    struct mg_list node; // in one of the lists above, or none while libcurl has it
    struct curl *curl;
    CURL *easy;
    struct mg_http_transfer *transfer; // NULL: cut, or idle
    struct mg_str body;                // only its length is looked at
    size_t body_at;
    struct curl_slist *fields; // nodes and text in one block
    struct curl_slist resolve;
    struct mg_buf resolve_text;
    struct mg_buf head; // lines of the answer's head, each ended by NUL
    size_t head_left;
    int status;
    bool added, safe, answered, paused;
    unsigned attempts;    // how often the request went out
    enum mg_status error; // found here, not by libcurl
    const char *message;
    char words[CURL_ERROR_SIZE];
};

static void check(CURLMcode code)
{
    if (code != CURLM_OK)
        mg_log(MG_LOG_ERROR, "libcurl: %s", curl_multi_strerror(code));
}

static size_t stop(struct wire *wire, enum mg_status error, const char *message)
{
    if (wire->error == MG_OK) {
        wire->error = error;
        wire->message = message;
    }
    return 0;
}

// The answer

// "HTTP/1.1 200 OK": 1.0 or 1.1, and three digits (RFC 9112 §4).
static bool parse_status(struct mg_str line, int *status)
{
    uint64_t code;
    if (line.len < 12 || memcmp(line.data, "HTTP/1.", 7) != 0 ||
        (line.data[7] != '0' && line.data[7] != '1') || line.data[8] != ' ' ||
        !mg_str_uint(mg_str_cut(line, 9, 12), &code) || (line.len > 12 && line.data[12] != ' '))
        return false;
    *status = (int)code;
    return code >= 100 && code <= 599 && code != 101; // no upgrade was asked for
}

static const char *parse_field(struct mg_str line, struct mg_header *field)
{
    size_t colon = mg_str_find(line, ':', 0);
    field->name = mg_str_cut(line, 0, colon);
    if (colon == line.len || !mg_headers_name_ok(field->name))
        return "the answer has a header field without a proper name";
    field->value = mg_str_trim(mg_str_cut(line, colon + 1, line.len));
    return mg_headers_value_ok(field->value) ? NULL
                                             : "the answer has a header value with control bytes";
}

static size_t deliver_head(struct wire *wire)
{
    struct mg_header items[fields_most];
    struct mg_headers headers = {.items = items, .cap = fields_most};
    struct mg_str text = mg_buf_str(&wire->head);
    for (size_t from = 0, to; from < text.len; from = to + 1) {
        to = mg_str_find(text, '\n', from);
        if (headers.count == fields_most)
            return stop(wire, MG_TOO_LARGE, "the answer has too many header fields");
        const char *wrong = parse_field(mg_str_cut(text, from, to), &items[headers.count++]);
        if (wrong)
            return stop(wire, MG_MALFORMED, wrong);
    }
    wire->answered = true;
    enum mg_http_flow flow = wire->transfer->events->head(wire->transfer, wire->status, &headers);
    wire->paused = wire->paused || flow == MG_HTTP_PAUSE;
    if (wire->transfer && flow == MG_HTTP_STOP)
        return stop(wire, MG_CANCELLED, "");
    return wire->transfer != NULL;
}

static size_t take_line(struct wire *wire, struct mg_str line)
{
    if (mg_str_starts(line, MG_STR("HTTP/"))) {
        mg_buf_clear(&wire->head);
        return parse_status(line, &wire->status)
                   ? 1
                   : stop(wire, MG_MALFORMED, "the answer's status line is not HTTP/1.1");
    }
    if (wire->status < 200)
        return 1;
    if (!line.len)
        return deliver_head(wire);
    if (line.data[0] == ' ' || line.data[0] == '\t') // obsolete folding (RFC 9112 §5.2)
        return stop(wire, MG_MALFORMED, "the answer has a folded header field");
    if (mg_buf_put(&wire->head, line) && mg_buf_put_char(&wire->head, '\n'))
        return 1;
    return stop(wire, MG_NO_MEMORY, "no memory");
}

// Runs for each line of each head, the empty one too, and for trailers, which are not kept.
static size_t on_header(char *data, size_t one, size_t len, void *arg)
{
    struct wire *wire = arg;
    struct mg_str line = {data, len};
    if (!wire->transfer)
        return 0;
    if (len > wire->head_left)
        return stop(wire, MG_TOO_LARGE, "the answer's header is too large");
    wire->head_left -= len;
    if (line.len && line.data[line.len - 1] == '\n')
        line.len--;
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    if (wire->answered)
        return len;
    return take_line(wire, line) ? len : 0;
}

// What is handed over after a pause was asked for is kept by libcurl and comes again on resume.
static size_t on_data(char *data, size_t one, size_t len, void *arg)
{
    struct wire *wire = arg;
    if (!wire->transfer)
        return 0;
    if (wire->paused)
        return CURL_WRITEFUNC_PAUSE;
    enum mg_http_flow flow =
        wire->transfer->events->data(wire->transfer, (struct mg_str){data, len});
    wire->paused = flow == MG_HTTP_PAUSE;
    if (wire->transfer && flow == MG_HTTP_STOP)
        return stop(wire, MG_CANCELLED, "");
    return wire->transfer ? len : 0;
}

// The request

static size_t on_body(char *room, size_t one, size_t len, void *arg)
{
    struct wire *wire = arg;
    if (!wire->transfer)
        return CURL_READFUNC_ABORT;
    struct mg_str body = wire->transfer->body;
    size_t left = body.len - wire->body_at;
    len = len < left ? len : left;
    if (len)
        memcpy(room, body.data + wire->body_at, len);
    wire->body_at += len;
    return len;
}

// Runs on a standing connection before each sending of the request. libcurl sends it again when a
// kept connection turns out dead, whatever the method: that is refused here.
static int on_sending(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct wire *wire = arg;
    if (wire->attempts++ > 0 && !wire->safe) {
        stop(wire, MG_RESET, "the connection was closed before it answered");
        return CURL_PREREQFUNC_ABORT;
    }
    wire->body_at = 0;
    return CURL_PREREQFUNC_OK;
}

static CURLcode on_tls(CURL *easy, void *ssl_ctx, void *arg)
{
    struct curl *curl = arg;
    if (!curl->tls)
        return CURLE_OK; // trusts nobody
    return mg_tls_store_attach(curl->tls, ssl_ctx) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct curl *curl = arg;
    int fd =
        mg_http_sockets_open(&curl->sockets, address->family, address->socktype, address->protocol);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct curl *curl = arg;
    mg_http_sockets_close(&curl->sockets, fd);
    return 0;
}

// Lines for CURLOPT_HTTPHEADER: "Name: value", "Name;" for an empty value, and "Name:" for what
// libcurl would add by itself.
static bool has_field(const struct mg_http_order *order, struct mg_str name)
{
    unsigned index = 0;
    struct mg_headers headers = {(struct mg_header *)order->headers, order->header_count,
                                 order->header_count};
    return mg_headers_next(&headers, name, &index) != NULL;
}

struct fields {
    struct curl_slist *node;
    char *text;
    struct curl_slist *first;
};

static void put_field(struct fields *fields, struct mg_str name, const char *mark,
                      struct mg_str value)
{
    struct curl_slist *node = fields->node++;
    node->data = fields->text;
    node->next = fields->first;
    fields->first = node;
    memcpy(fields->text, name.data, name.len);
    fields->text = stpcpy(fields->text + name.len, mark);
    if (value.len)
        memcpy(fields->text, value.data, value.len);
    fields->text[value.len] = 0;
    fields->text += value.len + 1;
}

static struct curl_slist *fields_new(const struct mg_http_order *order, void **block)
{
    static const struct mg_str unwanted[] = {
        {"Accept", 6}, {"Expect", 6}, {"Content-Type", 12}, {"User-Agent", 10}};
    enum { unwanted_count = sizeof unwanted / sizeof *unwanted };
    size_t count = order->header_count + unwanted_count;
    size_t size = count * sizeof(struct curl_slist) + unwanted_count * 16;
    for (unsigned i = 0; i < order->header_count; i++)
        size += order->headers[i].name.len + order->headers[i].value.len + 3;
    *block = malloc(size);
    if (!*block)
        return NULL;
    struct fields fields = {.node = *block};
    fields.text = (char *)(fields.node + count);
    for (size_t i = 0; i < unwanted_count; i++)
        if (!has_field(order, unwanted[i]))
            put_field(&fields, unwanted[i], ":", (struct mg_str){0});
    for (unsigned i = order->header_count; i-- > 0;) { // the list grows at its front
        const struct mg_header *field = &order->headers[i];
        put_field(&fields, field->name, field->value.len ? ": " : ";", field->value);
    }
    return fields.first;
}

static bool set_method(struct wire *wire, const struct mg_http_order *order)
{
    CURL *easy = wire->easy;
    bool sends = order->has_body && order->method != MG_HEAD;
    bool posts = sends || order->method == MG_POST || order->method == MG_PUT ||
                 order->method == MG_PATCH; // these say Content-Length: 0 (RFC 9110 §8.6)
    wire->safe = mg_method_safe(order->method);
    curl_off_t len = sends ? (curl_off_t)wire->transfer->body.len : 0;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_NOBODY, 0L);
    code |= posts ? curl_easy_setopt(easy, CURLOPT_POST, 1L)
                  : curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, len);
    if (order->method == MG_HEAD)
        code |= curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    code |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, mg_method_word(order->method));
    // Without a body nothing but a fresh connection keeps libcurl from sending it twice.
    code |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, !wire->safe && len == 0 ? 1L : 0L);
    code |= curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN,
                             wire->safe ? (long)idle_life : (long)idle_life_unsafe);
    return code == CURLE_OK;
}

static bool set_addresses(struct wire *wire, const struct mg_http_order *order)
{
    struct curl_slist *list = NULL;
    if (order->addresses) {
        mg_buf_clear(&wire->resolve_text);
        mg_buf_printf(&wire->resolve_text, "+%.*s:%u:%s", (int)order->site.host.len,
                      order->site.host.data, order->site.port, order->addresses->text);
        if (!mg_buf_put_char(&wire->resolve_text, 0))
            return false;
        wire->resolve = (struct curl_slist){.data = wire->resolve_text.data};
        list = &wire->resolve;
    }
    return curl_easy_setopt(wire->easy, CURLOPT_RESOLVE, list) == CURLE_OK;
}

static bool set_order(struct wire *wire, const struct mg_http_order *order)
{
    void *block;
    struct curl_slist *fields = fields_new(order, &block);
    if (!fields)
        return false;
    CURLcode code = curl_easy_setopt(wire->easy, CURLOPT_HTTPHEADER, fields);
    free(wire->fields);
    wire->fields = block;
    code |= curl_easy_setopt(wire->easy, CURLOPT_URL, order->url);
    code |= curl_easy_setopt(wire->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)order->connect_ms);
    wire->head_left = order->head_most;
    return code == CURLE_OK && set_method(wire, order) && set_addresses(wire, order);
}

static bool set_always(struct wire *wire)
{
    CURL *easy = wire->easy;
    CURLcode code = CURLE_OK;
#define SET(option, value) code |= curl_easy_setopt(easy, CURLOPT_##option, value)
    SET(PRIVATE, wire);
    SET(ERRORBUFFER, wire->words);
    SET(NOSIGNAL, 1L);
    SET(QUICK_EXIT,
        1L); // should a name ever reach libcurl's own resolver: it must not be waited for
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(HTTP09_ALLOWED, 0L);
    SET(PROTOCOLS_STR, "http,https");
    SET(REDIR_PROTOCOLS_STR, "http,https");
    SET(FOLLOWLOCATION, 0L); // redirects are backend/http's
    SET(PROXY, "");          // not from the environment
    SET(NETRC, (long)CURL_NETRC_IGNORED);
    SET(PATH_AS_IS, 1L);
    SET(DISALLOW_USERNAME_IN_URL, 1L);
    SET(BUFFERSIZE, (long)read_room);
    SET(TCP_NODELAY, 1L);
    SET(TIMEOUT_MS, 0L); // deadlines are backend/http's
    SET(MAXLIFETIME_CONN, (long)connection_life);
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, 2L);
    SET(CAINFO, NULL);
    SET(CAPATH, NULL);
    SET(SSL_CTX_FUNCTION, on_tls);
    SET(SSL_CTX_DATA, wire->curl);
    SET(OPENSOCKETFUNCTION, on_open);
    SET(OPENSOCKETDATA, wire->curl);
    SET(CLOSESOCKETFUNCTION, on_close);
    SET(CLOSESOCKETDATA, wire->curl);
    SET(HEADERFUNCTION, on_header);
    SET(HEADERDATA, wire);
    SET(WRITEFUNCTION, on_data);
    SET(WRITEDATA, wire);
    SET(READFUNCTION, on_body);
    SET(READDATA, wire);
    SET(PREREQFUNCTION, on_sending);
    SET(PREREQDATA, wire);
#undef SET
    return code == CURLE_OK;
}

// Wires

static void wire_free(struct wire *wire)
{
    if (wire->easy)
        curl_easy_cleanup(wire->easy);
    mg_buf_fini(&wire->resolve_text);
    mg_buf_fini(&wire->head);
    free(wire->fields);
    free(wire);
}

static struct wire *wire_new(struct curl *curl)
{
    struct mg_list *node = mg_list_pop(&curl->idle);
    if (node) {
        curl->idle_count--;
        return MG_OWNER(node, struct wire, node);
    }
    struct wire *wire = calloc(1, sizeof *wire);
    if (!wire)
        return NULL;
    wire->curl = curl;
    wire->easy = curl_easy_init();
    if (wire->easy && set_always(wire))
        return wire;
    wire_free(wire);
    return NULL;
}

// Takes it out of libcurl and lays it by for the next transfer.
static void retire(struct wire *wire, bool abrupt)
{
    struct curl *curl = wire->curl;
    if (wire->added) {
        curl->sockets.abrupt = abrupt;
        check(curl_multi_remove_handle(curl->multi, wire->easy));
        curl->sockets.abrupt = false;
    }
    wire->added = wire->answered = wire->paused = false;
    wire->transfer = NULL;
    wire->attempts = 0;
    wire->body_at = 0;
    wire->status = 0;
    wire->error = MG_OK;
    mg_buf_clear(&wire->head);
    mg_list_drop(&wire->node);
    if (curl->idle_count >= idle_most || wire->head.cap > 4096) {
        wire_free(wire);
        return;
    }
    mg_list_push(&curl->idle, &wire->node);
    curl->idle_count++;
}

// How it ended

static enum mg_status kind_of(struct wire *wire, CURLcode code)
{
    long why = 0;
    curl_easy_getinfo(wire->easy, CURLINFO_OS_ERRNO, &why);
    switch (code) {
    case CURLE_OK:
        return MG_OK;
    case CURLE_COULDNT_RESOLVE_HOST:
        return MG_DNS;
    case CURLE_COULDNT_CONNECT:
        return why == ETIMEDOUT ? MG_TIMEOUT : MG_REFUSED;
    case CURLE_OPERATION_TIMEDOUT:
        return MG_TIMEOUT;
    case CURLE_OUT_OF_MEMORY:
        return MG_NO_MEMORY;
    case CURLE_RECV_ERROR: // a broken chunk, too: then no system call has failed
        return strstr(wire->words, "hunk") ? MG_MALFORMED : MG_RESET;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_PARTIAL_FILE:
    case CURLE_ABORTED_BY_CALLBACK:
        return MG_RESET;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_USE_SSL_FAILED:
        return MG_TLS;
    default:
        return MG_MALFORMED;
    }
}

static const char *words_for(enum mg_status kind)
{
    switch (kind) {
    case MG_DNS:
        return "its name is not known";
    case MG_REFUSED:
        return "connection refused";
    case MG_TIMEOUT:
        return "no connection in time";
    case MG_RESET:
        return "the connection was closed before the answer was whole";
    case MG_TLS:
        return "no trusted TLS connection";
    case MG_NO_MEMORY:
        return "no memory";
    default:
        return "the answer is not HTTP";
    }
}

static void finish(struct wire *wire, CURLcode code)
{
    struct mg_http_transfer *transfer = wire->transfer;
    enum mg_status error = wire->error;
    const char *message = wire->message;
    if (error == MG_OK) {
        error = kind_of(wire, code);
        // libcurl takes a head that breaks off for a whole one.
        if (error == MG_OK && !wire->answered)
            error = MG_RESET;
        message = words_for(error);
    }
    if (error != MG_OK && error != MG_CANCELLED)
        mg_log(MG_LOG_DEBUG, "libcurl: %d %s", code, wire->words);
    retire(wire, false);
    transfer->inner = NULL;
    transfer->events->end(transfer, error, error == MG_OK ? NULL : message);
}

// What was cut meanwhile is in the list of those and is removed from there.
static void drain(struct curl *curl)
{
    struct CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(curl->multi, &left))) {
        struct wire *wire = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &wire);
        if (wire->transfer)
            finish(wire, code);
    }
}

static void act(struct curl *curl, curl_socket_t fd, int events)
{
    int running;
    check(curl_multi_socket_action(curl->multi, fd, events, &running));
    drain(curl);
}

// The loop

static void on_ready(void *owner, int fd, int events)
{
    int mask = events ? 0 : CURL_CSELECT_ERR;
    mask |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    mask |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    act(owner, fd, mask);
}

static int on_interest(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket)
{
    struct curl *curl = arg;
    int events = 0; // CURL_POLL_REMOVE
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        events |= UV_READABLE;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        events |= UV_WRITABLE;
    mg_http_sockets_want(&curl->sockets, fd, events);
    return 0;
}

static void set_timer(struct curl *curl, uint64_t at)
{
    if (!mg_timer_set(curl->loop, &curl->timer, at))
        mg_log(MG_LOG_ERROR, "libcurl: no memory for its timer");
}

static int on_wish(CURLM *multi, long ms, void *arg)
{
    struct curl *curl = arg;
    set_timer(curl, ms < 0 ? never : mg_loop_fresh(curl->loop) + (uint64_t)ms);
    return 0;
}

static void on_timer(struct mg_timer *timer)
{
    struct curl *curl = MG_OWNER(timer, struct curl, timer);
    set_timer(curl, never);
    act(curl, CURL_SOCKET_TIMEOUT, 0);
}

static void add(struct wire *wire)
{
    CURLMcode code = curl_multi_add_handle(wire->curl->multi, wire->easy);
    wire->added = code == CURLM_OK;
    if (!wire->added) {
        check(code);
        finish(wire, CURLE_OUT_OF_MEMORY);
    }
}

static void on_task(struct mg_task *task)
{
    struct curl *curl = MG_OWNER(task, struct curl, task);
    struct mg_list *node;
    bool news = !mg_list_empty(&curl->starting) || !mg_list_empty(&curl->resuming);
    while ((node = mg_list_pop(&curl->cut)))
        retire(MG_OWNER(node, struct wire, node), true);
    while ((node = mg_list_pop(&curl->resuming))) {
        struct wire *wire = MG_OWNER(node, struct wire, node);
        wire->paused = false;
        curl_easy_pause(wire->easy, CURLPAUSE_CONT);
    }
    while ((node = mg_list_pop(&curl->starting)))
        add(MG_OWNER(node, struct wire, node));
    if (news)
        act(curl, CURL_SOCKET_TIMEOUT, 0);
}

// The transport

static struct curl *curl_of(struct mg_http_transport *transport)
{
    return MG_OWNER(transport, struct curl, base);
}

static void put_off(struct wire *wire, struct mg_list *list)
{
    mg_list_drop(&wire->node);
    mg_list_push(list, &wire->node);
    mg_loop_defer(wire->curl->loop, &wire->curl->task);
}

static bool start(struct mg_http_transport *transport, struct mg_http_transfer *transfer,
                  const struct mg_http_order *order)
{
    struct curl *curl = curl_of(transport);
    struct wire *wire = wire_new(curl);
    if (!wire)
        return false;
    wire->transfer = transfer;
    wire->words[0] = 0;
    if (!set_order(wire, order)) {
        retire(wire, false);
        return false;
    }
    transfer->inner = wire;
    put_off(wire, &curl->starting);
    return true;
}

static bool sent(struct mg_http_transport *transport, struct mg_http_transfer *transfer)
{
    struct wire *wire = transfer->inner;
    return wire && wire->attempts > 0;
}

static void resume(struct mg_http_transport *transport, struct mg_http_transfer *transfer)
{
    struct wire *wire = transfer->inner;
    if (wire && wire->paused)
        put_off(wire, &wire->curl->resuming);
}

static void cut(struct mg_http_transport *transport, struct mg_http_transfer *transfer)
{
    struct wire *wire = transfer->inner;
    if (!wire)
        return;
    wire->transfer = NULL;
    transfer->inner = NULL;
    put_off(wire, &wire->curl->cut);
}

static void free_curl(struct curl *curl)
{
    mg_task_drop(&curl->task);
    mg_http_sockets_fini(&curl->sockets);
    free(curl);
}

static void on_drained(void *owner)
{
    struct curl *curl = owner;
    void (*closed)(void *) = curl->closed;
    owner = curl->owner;
    if (!closed)
        return;
    free_curl(curl);
    closed(owner);
}

static void on_nothing_to_drain(struct mg_task *task)
{
    on_drained(MG_OWNER(task, struct curl, task));
}

static void close_curl(struct mg_http_transport *transport, void (*closed)(void *owner),
                       void *owner)
{
    struct curl *curl = curl_of(transport);
    struct mg_list *node;
    on_task(&curl->task); // what was cut in this turn
    while ((node = mg_list_pop(&curl->idle)))
        wire_free(MG_OWNER(node, struct wire, node));
    check(curl_multi_cleanup(curl->multi));
    mg_timer_drop(curl->loop, &curl->timer);
    mg_task_drop(&curl->task);
    curl->closed = closed;
    curl->owner = owner;
    curl->task.run = on_nothing_to_drain;
    if (!curl->sockets.open)
        mg_loop_defer(curl->loop, &curl->task);
}

static bool set_multi(struct curl *curl, unsigned connections)
{
    CURLMcode code = CURLM_OK;
#define SET(option, value) code |= curl_multi_setopt(curl->multi, CURLMOPT_##option, value)
    SET(SOCKETFUNCTION, on_interest);
    SET(SOCKETDATA, curl);
    SET(TIMERFUNCTION, on_wish);
    SET(TIMERDATA, curl);
    SET(MAXCONNECTS, (long)connections);
    SET(PIPELINING, (long)CURLPIPE_NOTHING);
#undef SET
    return code == CURLM_OK;
}

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct mg_http_transport *mg_http_curl_new(struct mg_loop *loop, struct mg_tls_store *tls,
                                           unsigned connections)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_curl);
    struct curl *curl = calloc(1, sizeof *curl);
    if (!curl)
        return NULL;
    curl->base = (struct mg_http_transport){start, sent, resume, cut, close_curl};
    curl->loop = loop;
    curl->tls = tls;
    curl->sockets = (struct mg_http_sockets){
        .loop = loop, .ready = on_ready, .drained = on_drained, .owner = curl};
    curl->timer.run = on_timer;
    curl->task.run = on_task;
    mg_list_init(&curl->cut);
    mg_list_init(&curl->resuming);
    mg_list_init(&curl->starting);
    mg_list_init(&curl->idle);
    curl->multi = curl_multi_init();
    if (curl->multi && set_multi(curl, connections) && mg_timer_set(loop, &curl->timer, never))
        return &curl->base;
    if (curl->multi)
        curl_multi_cleanup(curl->multi);
    free_curl(curl);
    return NULL;
}
