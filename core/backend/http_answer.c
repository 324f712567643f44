#include "backend/http_answer.h"

#include "data/header_name.h"
#include "http/response_gate.h"
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
static bool is_json(const struct mg_headers *headers)
{
    unsigned index = 0;
    const struct mg_header *field = mg_headers_next(headers, MG_STR("content-type"), &index);
    if (!field)
        return false;
    struct mg_str type = mg_str_cut(field->value, 0, mg_str_find(field->value, ';', 0));
    type = mg_str_trim(type);
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

// The table and the bytes of all of them in one block.
static bool copy_headers(struct mg_call *call, const struct mg_headers *headers)
{
    size_t size = headers->count * sizeof *headers->items;
    for (unsigned i = 0; i < headers->count; i++)
        size += headers->items[i].name.len + headers->items[i].value.len;
    struct mg_header *items = mg_arena_alloc(call->arena, size);
    if (!items)
        return false;
    char *at = (char *)(items + headers->count);
    bool named = mg_headers_connection_names(headers);
    unsigned count = 0;
    for (unsigned i = 0; i < headers->count; i++) {
        const struct mg_header *field = &headers->items[i];
        if (mg_header_name_of_connection(mg_header_name_of(field->name)) ||
            (named && mg_headers_hop_by_hop(headers, field->name)))
            continue;
        struct mg_str name = keep(&at, field->name);
        items[count++] = (struct mg_header){name, keep(&at, field->value)};
    }
    call->result.headers = (struct mg_headers){items, count, headers->count};
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
    struct mg_framing framing;
    const char *wrong = mg_response_gate_framing(headers, &framing);
    if (wrong)
        return stop(answer, MG_MALFORMED, wrong);
    call->result.status = status;
    answer->json = is_json(headers);
    answer->bodiless = call->http.method == MG_HEAD || status == 204 || status == 304;
    if (call->sink) {
        call->sink->head(call->sink, status, headers);
        return MG_HTTP_ON;
    }
    if (!copy_headers(call, headers))
        return stop(answer, MG_NO_MEMORY, "no memory");
    uint64_t length = framing.length; // 0 where none is announced
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
