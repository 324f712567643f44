#include "backend/http_answer.h"

#include "data/header_name.h"
#include "json/scan.h"

enum { reserve_most = 64 << 10 }; // a length that is only announced gets no more memory than this

static enum mg_http_flow stop(struct mg_http_answer *answer, enum mg_status error,
                              const char *message)
{
    answer->error = error;
    answer->message = message;
    return MG_HTTP_STOP;
}

// application/json, and anything that ends in +json (RFC 6839 §3.1).
static bool is_json(struct mg_str type)
{
    type = mg_str_trim(mg_str_cut(type, 0, mg_str_find(type, ';', 0)));
    if (mg_str_eq_nocase(type, MG_STR("application/json")))
        return true;
    return type.len > 5 &&
           mg_str_eq_nocase(mg_str_cut(type, type.len - 5, type.len), MG_STR("+json"));
}

static struct mg_str keep(char **at, struct mg_str text)
{
    char *from = *at;
    if (text.len)
        memcpy(from, text.data, text.len);
    *at += text.len;
    return (struct mg_str){from, text.len};
}

// The table and the bytes of all of them go into one block; what they say of the body is read on
// the way. *length: 0 where none is announced.
static bool take_headers(struct mg_http_answer *answer, struct mg_call *call,
                         const struct mg_headers *headers, uint64_t *length)
{
    size_t size = headers->count * sizeof *headers->items;
    for (unsigned i = 0; i < headers->count; i++)
        size += headers->items[i].name.len + headers->items[i].value.len;
    struct mg_header *items = mg_arena_alloc(call->arena, size);
    if (!items)
        return false;
    struct mg_headers *taken = &call->result.headers;
    *taken = (struct mg_headers){.items = items, .cap = headers->count};
    char *at = (char *)(items + headers->count);
    bool named = mg_headers_connection_names(headers), typed = false;
    for (unsigned i = 0; i < headers->count; i++) {
        const struct mg_header *field = &headers->items[i];
        enum mg_header_name name = mg_header_name_of(field->name);
        if (name == MG_HEADER_CONTENT_LENGTH) {
            mg_str_uint(field->value, length);
        } else if (name == MG_HEADER_CONTENT_TYPE && !typed) {
            answer->json = is_json(field->value);
            typed = true;
        }
        if (mg_header_name_of_connection(name) ||
            (named && mg_headers_hop_by_hop(headers, field->name)))
            continue;
        items[taken->count].name = keep(&at, field->name);
        items[taken->count++].value = keep(&at, field->value);
    }
    return true;
}

static void end_body(void *body)
{
    mg_buf_fini(body);
}

static bool make_body(struct mg_http_answer *answer, struct mg_call *call, size_t room)
{
    struct mg_buf *body = MG_ARENA_NEW(call->arena, struct mg_buf);
    if (!body || !mg_arena_at_end(call->arena, end_body, body))
        return false;
    mg_buf_init(body, call->body_most);
    answer->body = body;
    return mg_buf_reserve(body, room);
}

enum mg_http_flow mg_http_answer_head(struct mg_http_answer *answer, struct mg_call *call,
                                      int status, const struct mg_headers *headers)
{
    uint64_t length = 0;
    call->result.status = status;
    answer->bodiless = call->http.method == MG_HEAD || status == 204 || status == 304;
    if (call->sink) {
        call->sink->head(call->sink, status, headers);
        return MG_HTTP_ON;
    }
    if (!take_headers(answer, call, headers, &length))
        return stop(answer, MG_NO_MEMORY, "no memory");
    if (answer->bodiless || length == 0)
        return MG_HTTP_ON;
    if (length > call->body_most)
        return stop(answer, MG_TOO_LARGE, "the answer's body is too large");
    bool made;
    if (length <= reserve_most) {
        answer->announced = (size_t)length;
        answer->room = mg_arena_alloc(call->arena, answer->announced);
        made = answer->room != NULL;
    } else {
        made = make_body(answer, call, reserve_most);
    }
    return made ? MG_HTTP_ON : stop(answer, MG_NO_MEMORY, "no memory");
}

static enum mg_http_flow put_announced(struct mg_http_answer *answer, struct mg_str bytes)
{
    if (bytes.len > answer->announced - answer->len)
        return stop(answer, MG_MALFORMED, "the answer's body is longer than announced");
    if (bytes.len)
        memcpy(answer->room + answer->len, bytes.data, bytes.len);
    answer->len += bytes.len;
    return MG_HTTP_ON;
}

enum mg_http_flow mg_http_answer_data(struct mg_http_answer *answer, struct mg_call *call,
                                      struct mg_str bytes)
{
    if (answer->bodiless)
        return MG_HTTP_ON;
    if (call->sink)
        // A sink that has just cancelled its call will not resume it.
        return call->sink->data(call->sink, bytes) || call->result.error != MG_OK ? MG_HTTP_ON
                                                                                  : MG_HTTP_PAUSE;
    if (answer->room)
        return put_announced(answer, bytes);
    size_t had = answer->body ? answer->body->len : 0;
    if (bytes.len > call->body_most - had) // a limit of 0 means none to the buffer, but not here
        return stop(answer, MG_TOO_LARGE, "the answer's body is too large");
    if (!answer->body && !make_body(answer, call, bytes.len))
        return stop(answer, MG_NO_MEMORY, "no memory");
    if (!mg_buf_put(answer->body, bytes))
        return stop(answer, MG_NO_MEMORY, "no memory");
    return MG_HTTP_ON;
}

enum mg_status mg_http_answer_end(struct mg_http_answer *answer, struct mg_call *call)
{
    struct mg_result *result = &call->result;
    if (answer->error != MG_OK || call->sink)
        return answer->error;
    if (answer->body)
        result->body = mg_buf_str(answer->body);
    else if (answer->room)
        result->body = (struct mg_str){answer->room, answer->len};
    bool owed = result->status / 100 == 2 && result->status != 205 && !answer->bodiless;
    if (!answer->json || (!result->body.len && !owed))
        return MG_OK;
    if (!mg_json_valid(result->body, MG_JSON_DEPTH_MOST, NULL)) {
        stop(answer, MG_MALFORMED, "the answer says JSON but is none");
        return MG_MALFORMED;
    }
    result->form = MG_BODY_JSON;
    return MG_OK;
}
