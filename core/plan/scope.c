#include "plan/scope.h"

#include "plan/input.h"

bool mg_content_is_json(struct mg_str content_type)
{
    struct mg_str type =
        mg_str_trim(mg_str_cut(content_type, 0, mg_str_find(content_type, ';', 0)));
    struct mg_str suffix = MG_STR("+json");
    if (mg_str_eq_nocase(type, MG_STR("application/json")))
        return true;
    return type.len > suffix.len &&
           mg_str_eq_nocase(mg_str_cut(type, type.len - suffix.len, type.len), suffix);
}

static bool broken(struct mg_scope *scope, const char *part)
{
    scope->broken = part;
    return false;
}

bool mg_scope_query(struct mg_scope *scope)
{
    if (!scope->query_parsed &&
        !mg_fields_form(&scope->query, scope->request->query, scope->fields_most, scope->arena))
        return broken(scope, "query");
    scope->query_parsed = true;
    return true;
}

bool mg_scope_cookies(struct mg_scope *scope)
{
    struct mg_str text;
    if (scope->cookies_parsed)
        return true;
    scope->cookies_parsed = true;
    // Several Cookie fields are joined by "; " as HTTP/2 splits them (RFC 9113 §8.2.3).
    unsigned index = 0;
    const struct mg_header *header =
        mg_headers_next(&scope->request->headers, MG_STR("cookie"), &index);
    if (!header)
        return true;
    text = header->value;
    while ((header = mg_headers_next(&scope->request->headers, MG_STR("cookie"), &index)))
        text = mg_arena_printf(scope->arena, "%.*s; %.*s", (int)text.len, text.data,
                               (int)header->value.len, header->value.data);
    return mg_fields_cookies(&scope->cookies, text, scope->fields_most, scope->arena) ||
           broken(scope, "cookies");
}

enum mg_scope_fault mg_scope_body(struct mg_scope *scope)
{
    if (scope->body_parsed)
        return scope->body_fault;
    scope->body_parsed = true;
    struct mg_str type, body = mg_buf_str(&scope->request->body);
    if (body.len == 0)
        return scope->body_fault = MG_SCOPE_NO_BODY;
    if (mg_headers_get(&scope->request->headers, scope->arena, MG_STR("content-type"), &type) &&
        !mg_content_is_json(type))
        return scope->body_fault = MG_SCOPE_NOT_JSON;
    if (!mg_json_valid(body, MG_JSON_DEPTH_MOST, NULL))
        return scope->body_fault = MG_SCOPE_BAD_BODY;
    if (!mg_json_keys_fit(body, scope->fields_most))
        return scope->body_fault = MG_SCOPE_WIDE_BODY;
    scope->body = mg_json_trim(body);
    return MG_SCOPE_SOUND;
}

static struct mg_value text_value(struct mg_str text)
{
    return (struct mg_value){.kind = MG_VALUE_TEXT, .bytes = text};
}

static struct mg_value json_value(struct mg_str json)
{
    return (struct mg_value){.kind = MG_VALUE_JSON, .bytes = json};
}

static struct mg_value missing(void)
{
    return (struct mg_value){.kind = MG_VALUE_MISSING};
}

static struct mg_value field_value(const struct mg_fields *fields, struct mg_str name)
{
    unsigned index = 0;
    const struct mg_field *field = mg_fields_next(fields, name, &index);
    return field ? text_value(field->value) : missing();
}

struct mg_value mg_result_value(const struct mg_result *result)
{
    bool none = result->form == MG_BODY_JSON && !result->body.len;
    if ((result->error != MG_OK && !result->fallback) || none)
        return missing();
    return result->form == MG_BODY_JSON ? json_value(mg_json_trim(result->body))
                                        : text_value(result->body);
}

static struct mg_value gather(struct mg_scope *scope, struct mg_str json,
                              const struct mg_json_step *steps, unsigned count)
{
    struct mg_buf list = {0};
    struct mg_value value = missing();
    if (mg_json_gather(json, steps, count, &list)) {
        struct mg_str copy = mg_arena_copy(scope->arena, mg_buf_str(&list));
        value = copy.data ? json_value(copy) : value;
    }
    mg_buf_fini(&list);
    return value;
}

// What the reference's steps from number `from` on lead to.
static struct mg_value walk(struct mg_scope *scope, struct mg_value value,
                            const struct mg_reference *reference, unsigned from)
{
    const struct mg_json_step *steps = reference->steps + from;
    unsigned count = reference->step_count - from;
    if (count == 0 || value.kind == MG_VALUE_MISSING)
        return value;
    struct mg_str found;
    if (value.kind != MG_VALUE_JSON)
        return missing();
    if (reference->list)
        return gather(scope, value.bytes, steps, count);
    return mg_json_walk(value.bytes, steps, count, &found) ? json_value(found) : missing();
}

static struct mg_value result_value(struct mg_scope *scope, const struct mg_reference *reference)
{
    const struct mg_result *result = &scope->calls[reference->index]->result;
    struct mg_str text;
    if (reference->root == MG_ROOT_RESULT_BODY)
        return walk(scope, mg_result_value(result), reference, 0);
    if (reference->root == MG_ROOT_RESULT_STATUS) {
        text = mg_arena_printf(scope->arena, "%d", result->status);
        return result->status && text.data ? json_value(text) : missing();
    }
    return mg_headers_get(&result->headers, scope->arena, reference->name, &text) ? text_value(text)
                                                                                  : missing();
}

static struct mg_value request_value(struct mg_scope *scope, const struct mg_reference *reference)
{
    struct mg_str text;
    switch (reference->root) {
    case MG_ROOT_PARAM:
        return text_value(scope->request->params[reference->index].value);
    case MG_ROOT_QUERY:
        return mg_scope_query(scope) ? field_value(&scope->query, reference->name) : missing();
    case MG_ROOT_COOKIE:
        return mg_scope_cookies(scope) ? field_value(&scope->cookies, reference->name) : missing();
    case MG_ROOT_HEADER:
        return mg_headers_get(&scope->request->headers, scope->arena, reference->name, &text)
                   ? text_value(text)
                   : missing();
    case MG_ROOT_BODY:
        if (mg_scope_body(scope) != MG_SCOPE_SOUND)
            return missing();
        return walk(scope, json_value(scope->body), reference, 0);
    case MG_ROOT_CONTEXT:
        return scope->context.len ? walk(scope, json_value(scope->context), reference, 0)
                                  : missing();
    case MG_ROOT_EACH:
        return walk(scope, scope->each.len ? json_value(scope->each) : missing(), reference, 0);
    default:
        return scope->local && scope->local(scope->owner, reference->name, &text) ? text_value(text)
                                                                                  : missing();
    }
}

static struct mg_value declared_value(struct mg_scope *scope, const struct mg_reference *reference)
{
    const struct mg_input_value *value = &scope->inputs[reference->input];
    struct mg_value found = value->present ? json_value(value->json) : missing();
    if (reference->root == MG_ROOT_BODY) // its first step is the declared field
        found = walk(scope, found, reference, 1);
    found.optional = mg_input_optional(scope->input, reference->input);
    return found;
}

struct mg_value mg_scope_value(struct mg_scope *scope, const struct mg_reference *reference)
{
    if (mg_reference_is_result(reference))
        return result_value(scope, reference);
    if (reference->input >= 0 && scope->inputs)
        return declared_value(scope, reference);
    return request_value(scope, reference);
}

bool mg_value_text(const struct mg_value *value, struct mg_arena *arena, struct mg_str *text)
{
    *text = value->bytes;
    if (value->kind == MG_VALUE_TEXT)
        return true;
    if (value->kind == MG_VALUE_MISSING)
        return false;
    switch (mg_json_type(value->bytes)) {
    case MG_JSON_STRING:
        *text = mg_json_text_in(value->bytes, arena);
        return text->data != NULL;
    case MG_JSON_NUMBER:
    case MG_JSON_TRUE:
    case MG_JSON_FALSE:
        return true;
    default:
        return false;
    }
}
