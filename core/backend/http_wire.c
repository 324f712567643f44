// What a wire asks of libcurl and hears from it. None of this enters the multi handle.
#include "backend/http_wire.h"

#include <errno.h>
#include <stdlib.h>

enum {
    read_room = 16 << 10, // bytes read at once; each waiting transfer has a buffer of this size
    connection_life = 60, // s, so that a name's new addresses are taken up
    idle_life = 30,       // s that a kept connection is trusted for a safe method
    idle_life_unsafe = 3, // and for one that cannot be sent again if it turns out dead
};

// Keeps the first reason, and is what makes libcurl give up: 0 bytes were taken.
static size_t stop(struct mg_http_wire *wire, enum mg_status error, const char *message)
{
    if (wire->error == MG_OK) {
        wire->error = error;
        wire->message = message;
    }
    return 0;
}

static size_t deliver_head(struct mg_http_wire *wire)
{
    struct mg_header items[MG_RESPONSE_FIELDS_MOST];
    struct mg_headers headers = {.items = items, .cap = MG_RESPONSE_FIELDS_MOST};
    struct mg_framing framing;
    if (!mg_http_head_parse(&wire->head, items, &headers.count))
        return stop(wire, wire->head.error, wire->head.message);
    const char *wrong = mg_response_gate_framing(&headers, &framing);
    if (wrong)
        return stop(wire, MG_MALFORMED, wrong);
    enum mg_http_flow flow =
        wire->transfer->events->head(wire->transfer, wire->head.status, &headers);
    wire->paused = flow == MG_HTTP_PAUSE;
    if (wire->transfer && flow == MG_HTTP_STOP)
        return stop(wire, MG_CANCELLED, "");
    if (wire->transfer && wire->starved)
        wire->owner->starved(wire->owner->owner, wire);
    return wire->transfer != NULL;
}

// Runs for each line of each head, the empty one too, and for trailers.
static size_t on_header(char *data, size_t one, size_t len, void *arg)
{
    struct mg_http_wire *wire = arg;
    if (!wire->transfer)
        return 0;
    bool had = wire->head.whole;
    if (!mg_http_head_line(&wire->head, (struct mg_str){data, len}))
        return stop(wire, wire->head.error, wire->head.message);
    if (!had && wire->head.whole && !deliver_head(wire))
        return 0;
    return len;
}

// What is handed over after a pause was asked for is kept by libcurl and comes again on resume.
static size_t on_data(char *data, size_t one, size_t len, void *arg)
{
    struct mg_http_wire *wire = arg;
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

static size_t next_of_supply(struct mg_http_wire *wire, char *room, size_t len)
{
    struct mg_supply *supply = wire->transfer->supply;
    struct mg_str bytes = supply ? supply->look(supply) : (struct mg_str){0};
    len = len < bytes.len ? len : bytes.len;
    wire->starved = !len && supply && !supply->ended;
    if (wire->starved)
        return CURL_READFUNC_PAUSE;
    if (len) {
        memcpy(room, bytes.data, len);
        supply->took(supply, len);
    }
    return len;
}

static size_t on_body(char *room, size_t one, size_t len, void *arg)
{
    struct mg_http_wire *wire = arg;
    if (!wire->transfer)
        return CURL_READFUNC_ABORT;
    if (wire->streams)
        return next_of_supply(wire, room, len);
    struct mg_str body = wire->transfer->body;
    size_t left = body.len - wire->body_at;
    len = len < left ? len : left;
    if (len)
        memcpy(room, body.data + wire->body_at, len);
    wire->body_at += len;
    return len;
}

// Runs on a standing connection before each sending of the request. libcurl sends it again when a
// kept connection turns out dead, whatever the method: that is refused here. For what may be sent
// again it would take the next kept one, and give up after five that are dead: the second time has
// to be on a new one.
static int on_sending(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct mg_http_wire *wire = arg;
    if (wire->attempts == 0)
        curl_easy_setopt(wire->easy, CURLOPT_FRESH_CONNECT, 1L);
    if (wire->attempts++ > 0 && !wire->safe) {
        stop(wire, MG_RESET, "the connection was closed before it answered");
        return CURL_PREREQFUNC_ABORT;
    }
    wire->body_at = 0;
    return CURL_PREREQFUNC_OK;
}

static CURLcode on_tls(CURL *easy, void *ssl_ctx, void *arg)
{
    const struct mg_http_wire_owner *owner = arg;
    if (!owner->tls)
        return CURLE_OK; // trusts nobody
    return mg_tls_store_attach(owner->tls, ssl_ctx) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

static bool has_field(const struct mg_http_order *order, struct mg_str name)
{
    unsigned index = 0;
    struct mg_headers headers = {(struct mg_header *)order->headers, order->header_count,
                                 order->header_count};
    return mg_headers_next(&headers, name, &index) != NULL;
}

// Lines for CURLOPT_HTTPHEADER: "Name: value", "Name;" for an empty value, and "Name:" for what
// libcurl would add by itself.
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
    size_t count = order->header_count + unwanted_count + 1;
    size_t size = count * sizeof(struct curl_slist) + unwanted_count * 16 + 32;
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
    if (order->chunked)
        put_field(&fields, MG_STR("Transfer-Encoding"), ": ", MG_STR("chunked"));
    for (unsigned i = order->header_count; i-- > 0;) { // the list grows at its front
        const struct mg_header *field = &order->headers[i];
        put_field(&fields, field->name, field->value.len ? ": " : ";", field->value);
    }
    return fields.first;
}

static bool set_method(struct mg_http_wire *wire, const struct mg_http_order *order)
{
    CURL *easy = wire->easy;
    bool sends = order->has_body && order->method != MG_HEAD;
    bool posts = sends || order->method == MG_POST || order->method == MG_PUT ||
                 order->method == MG_PATCH; // these say Content-Length: 0 (RFC 9110 §8.6)
    const struct mg_supply *supply = wire->transfer->supply;
    wire->streams = sends && supply;
    wire->safe = mg_method_safe(order->method) && !wire->streams;
    curl_off_t len = !sends ? 0 : supply ? supply->length : (curl_off_t)wire->transfer->body.len;
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

static bool set_url(struct mg_http_wire *wire, const struct mg_url *site)
{
    mg_buf_clear(&wire->url_text);
    mg_buf_put(&wire->url_text, site->base);
    mg_buf_put(&wire->url_text, site->path);
    return mg_buf_put_char(&wire->url_text, 0) &&
           curl_easy_setopt(wire->easy, CURLOPT_URL, wire->url_text.data) == CURLE_OK;
}

// libcurl gives up when the socket's queue is full; the plain path asks again.
static bool set_socket(struct mg_http_wire *wire, struct mg_str path)
{
    char text[108]; // as large as the path of a socket may be; libcurl copies it
    if (path.len >= sizeof text)
        return false;
    if (path.len)
        memcpy(text, path.data, path.len);
    text[path.len] = 0;
    return curl_easy_setopt(wire->easy, CURLOPT_UNIX_SOCKET_PATH, path.len ? text : NULL) ==
           CURLE_OK;
}

static bool set_addresses(struct mg_http_wire *wire, const struct mg_http_order *order)
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

void mg_http_wire_go_on(struct mg_http_wire *wire)
{
    wire->paused = wire->paused && !wire->resumed;
    wire->resumed = wire->starved = false;
    curl_easy_pause(wire->easy, wire->paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
}

bool mg_http_wire_order(struct mg_http_wire *wire, struct mg_http_transfer *transfer,
                        const struct mg_http_order *order)
{
    wire->transfer = transfer;
    wire->words[0] = 0;
    mg_http_head_begin(&wire->head, order->head_most);
    void *block;
    struct curl_slist *fields = fields_new(order, &block);
    if (!fields)
        return false;
    CURLcode code = curl_easy_setopt(wire->easy, CURLOPT_HTTPHEADER, fields);
    free(wire->fields);
    wire->fields = block;
    code |= curl_easy_setopt(wire->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)order->connect_ms);
    return code == CURLE_OK && set_url(wire, &order->site) && set_method(wire, order) &&
           set_socket(wire, order->site.socket) && set_addresses(wire, order);
}

static bool set_always(struct mg_http_wire *wire, const struct mg_http_wire_owner *owner)
{
    CURL *easy = wire->easy;
    CURLcode code = CURLE_OK;
#define SET(option, value) code |= curl_easy_setopt(easy, CURLOPT_##option, value)
    SET(PRIVATE, wire);
    SET(ERRORBUFFER, wire->words);
    SET(NOSIGNAL, 1L);
    SET(QUICK_EXIT, 1L); // should a name ever get to libcurl's resolver: it is not waited for
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
    SET(SSL_CTX_DATA, owner);
    SET(OPENSOCKETFUNCTION, owner->open);
    SET(OPENSOCKETDATA, owner->owner);
    SET(CLOSESOCKETFUNCTION, owner->close);
    SET(CLOSESOCKETDATA, owner->owner);
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

void mg_http_wire_free(struct mg_http_wire *wire)
{
    if (wire->easy)
        curl_easy_cleanup(wire->easy);
    mg_buf_fini(&wire->url_text);
    mg_buf_fini(&wire->resolve_text);
    mg_http_head_fini(&wire->head);
    free(wire->fields);
    free(wire);
}

struct mg_http_wire *mg_http_wire_new(const struct mg_http_wire_owner *owner)
{
    struct mg_http_wire *wire = calloc(1, sizeof *wire);
    if (!wire)
        return NULL;
    wire->owner = owner;
    wire->easy = curl_easy_init();
    if (wire->easy && set_always(wire, owner))
        return wire;
    mg_http_wire_free(wire);
    return NULL;
}

void mg_http_wire_clear(struct mg_http_wire *wire)
{
    wire->transfer = NULL;
    wire->added = wire->paused = wire->resumed = wire->starved = wire->streams = false;
    wire->attempts = 0;
    wire->body_at = 0;
    wire->error = MG_OK;
}

static enum mg_status kind_of(struct mg_http_wire *wire, CURLcode code)
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

// The gate's words for what libcurl has refused before it came there.
static const char *words_for_malformed(const struct mg_http_wire *wire)
{
    static const struct {
        const char *mark, *words;
    } known[] = {
        {"colon", "the answer has a header field without a proper name"},
        {"Nul byte", "the answer has a header value with control bytes"},
        {"Content-Length", "the answer's Content-Length is not one number"},
        {"hunk", "the answer's body is not framed as announced"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(wire->words, known[i].mark))
            return known[i].words;
    return "the answer is not HTTP";
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
        return "";
    }
}

enum mg_status mg_http_wire_end(struct mg_http_wire *wire, CURLcode code, const char **message)
{
    enum mg_status error = wire->error;
    *message = wire->message;
    if (error == MG_OK) {
        error = kind_of(wire, code);
        // libcurl takes a head that breaks off for a whole one.
        if (error == MG_OK && !wire->head.whole)
            error = MG_RESET;
        *message = error == MG_MALFORMED ? words_for_malformed(wire) : words_for(error);
    }
    return error;
}
