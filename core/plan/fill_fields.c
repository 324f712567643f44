// Queries, forms and header fields of a call, the client's that are forwarded among them.
#include "plan/fill_parts.h"

#include "base/percent.h"

#define MG_USER_AGENT "Moongate/" MG_VERSION

static bool put_query_field(struct mg_buf *out, bool *has_query, struct mg_str name,
                            struct mg_str value)
{
    mg_buf_put_char(out, *has_query ? '&' : '?');
    *has_query = true;
    mg_percent_encode(out, name);
    mg_buf_put_char(out, '=');
    return mg_percent_encode(out, value);
}

// A field whose value is a JSON list is written once per element.
static enum mg_fill put_query_list(const struct mg_named_template *item, struct mg_str list,
                                   struct mg_scope *scope, struct mg_buf *out, bool *has_query,
                                   struct mg_fill_fault *fault)
{
    struct mg_json_iter iter;
    for (mg_json_begin(&iter, list); mg_json_next(&iter);) {
        struct mg_value value = {.kind = MG_VALUE_JSON, .bytes = iter.value};
        struct mg_str text;
        if (!mg_value_text(&value, scope->arena, &text))
            return mg_fill_fault_of(mg_template_single(&item->template), &value, scope, fault);
        put_query_field(out, has_query, item->name, text);
    }
    return out->failed == MG_OK ? MG_FILL_OK : MG_FILL_MEMORY;
}

// Query fields or a form: name=value&name=value. `has_query` false starts with "?" (a form clears
// the buffer's first byte afterwards).
enum mg_fill mg_fill_fields(const struct mg_named_template *items, unsigned count,
                            struct mg_scope *scope, struct mg_buf *out, bool *has_query,
                            struct mg_fill_fault *fault)
{
    struct mg_buf text = {0};
    enum mg_fill fill = MG_FILL_OK;
    for (unsigned i = 0; fill == MG_FILL_OK && i < count; i++) {
        const struct mg_reference *single = mg_template_single(&items[i].template);
        struct mg_value value = single ? mg_scope_value(scope, single) : (struct mg_value){0};
        if (value.kind == MG_VALUE_JSON && mg_json_type(value.bytes) == MG_JSON_ARRAY) {
            fill = put_query_list(&items[i], value.bytes, scope, out, has_query, fault);
            continue;
        }
        bool absent;
        mg_buf_clear(&text);
        fill = mg_fill_text(&items[i].template, scope, &text, &absent, fault);
        if (fill == MG_FILL_OK && !absent)
            put_query_field(out, has_query, items[i].name, mg_buf_str(&text));
    }
    mg_buf_fini(&text);
    return fill == MG_FILL_OK && out->failed != MG_OK ? MG_FILL_MEMORY : fill;
}

static bool forwards(const struct mg_str *names, unsigned count, struct mg_str name)
{
    for (unsigned i = 0; i < count; i++)
        if (mg_str_eq_nocase(names[i], name))
            return true;
    return false;
}

// Names in a query differ in case, those of headers do not.
static bool forwards_query(const struct mg_forward *forward, struct mg_str name)
{
    for (unsigned i = 0; i < forward->query_count; i++)
        if (mg_str_eq(forward->query[i], name))
            return true;
    return forward->all_query;
}

// Whether a query, as it is written in a path, has a field of that name.
static bool has_field(struct mg_str query, struct mg_str name, struct mg_arena *arena)
{
    for (size_t from = 0, end; from < query.len; from = end + 1) {
        end = mg_str_find(query, '&', from);
        struct mg_str field = mg_str_cut(query, from, end), decoded;
        field = mg_str_cut(field, 0, mg_str_find(field, '=', 0));
        if (mg_str_eq(mg_percent_decode(field, true, arena, &decoded) ? decoded : field, name))
            return true;
    }
    return false;
}

enum mg_fill mg_fill_forward_query(const struct mg_forward *forward, struct mg_scope *scope,
                                   struct mg_buf *path, bool *has_query,
                                   struct mg_fill_fault *fault)
{
    if (!forward->all_query && !forward->query_count)
        return MG_FILL_OK;
    if (!mg_scope_query(scope)) {
        *fault = (struct mg_fill_fault){MG_STR("query"), "cannot be read"};
        return MG_FILL_CLIENT;
    }
    size_t own = mg_str_find(mg_buf_str(path), '?', 0) + 1, end = path->len;
    for (unsigned i = 0; i < scope->query.count; i++) {
        const struct mg_field *field = &scope->query.items[i];
        if (forwards_query(forward, field->name) &&
            !(own < end &&
              has_field(mg_str_cut(mg_buf_str(path), own, end), field->name, scope->arena)))
            put_query_field(path, has_query, field->name, field->value);
    }
    return path->failed == MG_OK ? MG_FILL_OK : MG_FILL_MEMORY;
}

bool mg_fill_header_absent(const struct mg_headers *headers, struct mg_str name)
{
    unsigned index = 0;
    return mg_headers_next(headers, name, &index) == NULL;
}

// Says whose value cannot stand in a header: what the author wrote was checked at load.
static enum mg_fill control_byte(const struct mg_template *template, struct mg_scope *scope,
                                 struct mg_fill_fault *fault)
{
    enum mg_fill fill = MG_FILL_CLIENT;
    for (unsigned i = 0; i < template->count; i++) {
        const struct mg_piece *piece = &template->pieces[i];
        struct mg_value value = {.kind = MG_VALUE_TEXT};
        struct mg_str text;
        bool absent;
        if (piece->literal ||
            mg_fill_value(&piece->reference, scope, &text, &absent, fault) != MG_FILL_OK ||
            mg_headers_value_ok(text))
            continue;
        fill = mg_fill_fault_of(&piece->reference, &value, scope, fault);
        break;
    }
    fault->why = "has CR, LF, NUL or another control byte";
    return fill;
}

enum mg_fill mg_fill_header_list(const struct mg_named_template *items, unsigned count,
                                 bool replace, struct mg_scope *scope, struct mg_headers *headers,
                                 struct mg_fill_fault *fault)
{
    struct mg_buf text = {0};
    enum mg_fill fill = MG_FILL_OK;
    for (unsigned i = 0; fill == MG_FILL_OK && i < count; i++) {
        bool absent;
        if (!replace && !mg_fill_header_absent(headers, items[i].name))
            continue;
        mg_buf_clear(&text);
        fill = mg_fill_text(&items[i].template, scope, &text, &absent, fault);
        if (fill != MG_FILL_OK || absent)
            continue;
        if (!mg_headers_value_ok(mg_buf_str(&text))) {
            fill = control_byte(&items[i].template, scope, fault);
            continue;
        }
        struct mg_str value = mg_arena_copy(scope->arena, mg_buf_str(&text));
        if (!value.data || !mg_headers_add(headers, scope->arena, items[i].name, value))
            fill = MG_FILL_MEMORY;
    }
    mg_buf_fini(&text);
    return fill;
}

// Fields that a backend gets from us alone, whatever is forwarded.
static bool own_field(struct mg_str name)
{
    static const char *const names[] = {"host",
                                        "content-length",
                                        "expect",
                                        "x-forwarded-for",
                                        "x-forwarded-host",
                                        "x-forwarded-proto",
                                        "x-request-id"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (mg_str_eq_nocase(name, mg_str_of(names[i])))
            return true;
    return false;
}

// Fields that the client names in Connection end here, whoever asks for them (RFC 9110 §7.6.1). "*"
// leaves out Accept-Encoding where the answer is read here: nothing here unpacks it.
static bool put_forwarded(const struct mg_forward *forward, struct mg_scope *scope,
                          struct mg_headers *headers)
{
    const struct mg_headers *from = &scope->request->headers;
    unsigned own = headers->count; // what the call set wins
    for (unsigned i = 0; i < from->count; i++) {
        const struct mg_header *header = &from->items[i];
        bool wanted =
            forward->all_headers
                ? forward->unread || !mg_str_eq_nocase(header->name, MG_STR("accept-encoding"))
                : forwards(forward->headers, forward->header_count, header->name);
        struct mg_headers set = {headers->items, own, own};
        if (wanted && !own_field(header->name) && !mg_headers_hop_by_hop(from, header->name) &&
            mg_fill_header_absent(&set, header->name) &&
            !mg_headers_add(headers, scope->arena, header->name, header->value))
            return false;
    }
    return true;
}

static bool put_own(struct mg_headers *headers, struct mg_arena *arena, struct mg_str name,
                    struct mg_str value)
{
    return !value.len || !mg_fill_header_absent(headers, name) ||
           mg_headers_add(headers, arena, name, value);
}

// What every call of a request says, where the call does not say otherwise; what differs from
// request to request comes last.
static bool put_all_own(const struct mg_request *request, struct mg_headers *headers,
                        struct mg_arena *arena, unsigned *of_request)
{
    bool ok = put_own(headers, arena, MG_STR("User-Agent"), MG_STR(MG_USER_AGENT)) &&
              put_own(headers, arena, MG_STR("X-Forwarded-Host"), request->authority) &&
              put_own(headers, arena, MG_STR("X-Forwarded-Proto"), request->proto);
    unsigned asked = headers->count;
    ok = ok && put_own(headers, arena, MG_STR("X-Forwarded-For"), request->forwarded_for) &&
         put_own(headers, arena, MG_STR("X-Request-Id"), request->id);
    *of_request = headers->count - asked;
    return ok;
}

enum mg_fill mg_fill_headers(const struct mg_plan_backend *backend,
                             const struct mg_forward *forward, struct mg_scope *scope,
                             struct mg_http_ask *ask, struct mg_fill_fault *fault)
{
    const struct mg_request *request = scope->request;
    struct mg_headers *headers = &ask->headers, *own = &scope->own;
    bool alone = !headers->count && !backend->header_count && !forward->header_count &&
                 !forward->all_headers;
    if (alone && own->count) { // it is full, so that what is added moves to another table
        *headers = (struct mg_headers){own->items, own->count, own->count};
        ask->of_request = (request->forwarded_for.len > 0) + (request->id.len > 0);
        return MG_FILL_OK;
    }
    enum mg_fill fill =
        mg_fill_header_list(backend->headers, backend->header_count, false, scope, headers, fault);
    if (fill != MG_FILL_OK)
        return fill;
    if (!put_forwarded(forward, scope, headers) ||
        !put_all_own(request, headers, scope->arena, &ask->of_request))
        return MG_FILL_MEMORY;
    if (alone)
        *own = (struct mg_headers){headers->items, headers->count, headers->count};
    return MG_FILL_OK;
}
