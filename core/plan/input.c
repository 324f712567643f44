#include "plan/input.h"

#include <math.h>

#include "json/write.h"
#include "plan/scope.h"

enum place { PLACE_PARAM, PLACE_QUERY, PLACE_HEADER, PLACE_BODY, PLACE_COUNT };
enum type { TYPE_STRING, TYPE_INTEGER, TYPE_NUMBER, TYPE_BOOLEAN, TYPE_UUID, TYPE_ANY, TYPE_COUNT };

static const char *const place_words[] = {"params", "query", "headers", "body"};
static const char *const type_words[] = {"string", "integer", "number", "boolean", "uuid", "any"};
static const char *const type_details[] = {"must be a string", "must be an integer",
                                           "must be a number", "must be true or false",
                                           "must be a UUID",   ""};

struct field {
    enum place place;
    enum type type;
    struct mg_str name;
    unsigned param; // PARAM: index among the path's parameters
    bool list, optional, has_min, has_max;
    double min, max;
    struct mg_str fallback; // JSON text of the default; empty: none
    struct mg_str one_of;   // JSON array; empty: any value
};

struct mg_input {
    struct field *fields;
    unsigned count;
};

static bool flag(struct mg_str object, const char *name)
{
    struct mg_str value;
    return mg_json_member(object, mg_str_of(name), &value) && mg_json_type(value) == MG_JSON_TRUE;
}

static bool bound(struct mg_str object, const char *name, double *bound)
{
    struct mg_str value;
    if (!mg_json_member(object, mg_str_of(name), &value))
        return false;
    *bound = mg_json_double(value);
    return true;
}

static bool compile_field(struct field *field, struct mg_str json, const struct mg_str *params,
                          unsigned param_count, struct mg_arena *arena, struct mg_str *error)
{
    struct mg_str type;
    if (mg_json_member(json, MG_STR("type"), &type))
        for (unsigned i = 0; i < TYPE_COUNT; i++)
            if (mg_json_key_is(type, mg_str_of(type_words[i])))
                field->type = (enum type)i;
    field->list = flag(json, "list");
    field->optional = flag(json, "optional");
    field->has_min = bound(json, "min", &field->min);
    field->has_max = bound(json, "max", &field->max);
    mg_json_member(json, MG_STR("default"), &field->fallback);
    mg_json_member(json, MG_STR("one_of"), &field->one_of);
    if (field->place != PLACE_PARAM)
        return true;
    for (field->param = 0; field->param < param_count; field->param++)
        if (mg_str_eq(params[field->param], field->name))
            return true;
    *error = mg_arena_printf(arena, "input.%.*s: the path has no parameter of this name",
                             (int)field->name.len, field->name.data);
    return false;
}

struct mg_input *mg_input_compile(struct mg_str json, const struct mg_str *params,
                                  unsigned param_count, struct mg_arena *arena,
                                  struct mg_str *error)
{
    struct mg_input *input = MG_ARENA_NEW(arena, struct mg_input);
    struct mg_json_iter iter;
    unsigned most = 0;
    struct mg_str group;
    *error = MG_STR("out of memory");
    for (unsigned place = 0; place < PLACE_COUNT; place++)
        if (mg_json_member(json, mg_str_of(place_words[place]), &group))
            for (mg_json_begin(&iter, group); mg_json_next(&iter);)
                most++;
    if (!input || !(input->fields = mg_arena_zero(arena, most + 1, sizeof *input->fields)))
        return NULL;
    for (unsigned place = 0; place < PLACE_COUNT; place++) {
        if (!mg_json_member(json, mg_str_of(place_words[place]), &group))
            continue;
        for (mg_json_begin(&iter, group); mg_json_next(&iter);) {
            struct field *field = &input->fields[input->count++];
            field->place = (enum place)place;
            field->name = mg_json_text_in(iter.key, arena);
            if (!field->name.data ||
                !compile_field(field, iter.value, params, param_count, arena, error))
                return NULL;
        }
    }
    return input;
}

static bool declares(const struct field *field, const struct mg_reference *reference)
{
    switch (reference->root) {
    case MG_ROOT_PARAM:
        return field->place == PLACE_PARAM && field->param == reference->index;
    case MG_ROOT_QUERY:
        return field->place == PLACE_QUERY && mg_str_eq(field->name, reference->name);
    case MG_ROOT_HEADER:
        return field->place == PLACE_HEADER && mg_str_eq_nocase(field->name, reference->name);
    case MG_ROOT_BODY:
        return field->place == PLACE_BODY && reference->step_count &&
               reference->steps[0].kind == MG_JSON_KEY &&
               mg_str_eq(field->name, reference->steps[0].key);
    default:
        return false;
    }
}

int mg_input_find(const struct mg_input *input, const struct mg_reference *reference)
{
    for (unsigned i = 0; input && i < input->count; i++)
        if (declares(&input->fields[i], reference))
            return (int)i;
    return -1;
}

bool mg_input_optional(const struct mg_input *input, int field)
{
    return input->fields[field].optional;
}

bool mg_input_has_body(const struct mg_input *input)
{
    for (unsigned i = 0; input && i < input->count; i++)
        if (input->fields[i].place == PLACE_BODY)
            return true;
    return false;
}

unsigned mg_input_count(const struct mg_input *input)
{
    return input ? input->count : 0;
}

bool mg_input_field(const struct mg_input *input, const struct mg_scope *scope, const char *place,
                    unsigned index, struct mg_str *name, struct mg_str *json)
{
    for (unsigned i = 0; input && scope->inputs && i < input->count; i++) {
        if (strcmp(place_words[input->fields[i].place], place) != 0 || index-- > 0)
            continue;
        *name = input->fields[i].name;
        *json = scope->inputs[i].present ? scope->inputs[i].json : (struct mg_str){0};
        return true;
    }
    return false;
}

// The check of one request: what is wrong is appended to `errors`.
struct check {
    struct mg_scope *scope;
    struct mg_buf *errors;
    unsigned count;
};

static void complain(struct check *check, const struct field *field, const char *detail)
{
    struct mg_buf *errors = check->errors;
    struct mg_buf at = {0};
    if (field->place != PLACE_PARAM)
        mg_buf_printf(&at, "%s.", place_words[field->place]);
    mg_buf_put(&at, field->name);
    mg_buf_put(errors, check->count++ ? MG_STR(",{\"at\":") : MG_STR("[{\"at\":"));
    mg_json_put_string(errors, mg_buf_str(&at));
    mg_buf_put(errors, MG_STR(",\"detail\":"));
    mg_json_put_string(errors, mg_str_of(detail));
    mg_buf_put_char(errors, '}');
    mg_buf_fini(&at);
}

static bool is_integer(struct mg_str text)
{
    size_t sign = text.len && text.data[0] == '-';
    if (text.len == sign || text.len > 32)
        return false;
    for (size_t i = sign; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return true;
}

static bool is_uuid(struct mg_str text)
{
    if (text.len != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        char c = mg_lower(text.data[i]);
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

static bool is_number(struct mg_str text)
{
    return text.len && text.len <= 64 &&
           (text.data[0] == '-' || (text.data[0] >= '0' && text.data[0] <= '9')) &&
           text.data[text.len - 1] > ' ' && mg_json_valid(text, 1, NULL) &&
           isfinite(mg_json_double(text));
}

// "007" and "-0" become JSON numbers: 7 and 0.
static struct mg_str canonical_integer(struct mg_str text, struct mg_arena *arena)
{
    bool minus = text.data[0] == '-';
    struct mg_str digits = mg_str_cut(text, minus, text.len);
    while (digits.len > 1 && digits.data[0] == '0')
        digits = mg_str_cut(digits, 1, digits.len);
    if (digits.data[0] == '0')
        minus = false;
    return mg_arena_printf(arena, "%s%.*s", minus ? "-" : "", (int)digits.len, digits.data);
}

static struct mg_str quoted(struct mg_str text, struct mg_arena *arena)
{
    struct mg_buf buf = {0};
    mg_json_put_string(&buf, text);
    struct mg_str copy =
        buf.failed == MG_OK ? mg_arena_copy(arena, mg_buf_str(&buf)) : (struct mg_str){0};
    mg_buf_fini(&buf);
    return copy;
}

// A text from path, query or header as JSON of the declared type.
static const char *convert_text(enum type type, struct mg_str text, struct mg_arena *arena,
                                struct mg_str *json)
{
    switch (type) {
    case TYPE_INTEGER:
        if (!is_integer(text))
            return type_details[type];
        *json = canonical_integer(text, arena);
        return NULL;
    case TYPE_NUMBER:
        if (!is_number(text))
            return type_details[type];
        *json = text;
        return NULL;
    case TYPE_BOOLEAN:
        *json = text;
        return mg_str_is(text, "true") || mg_str_is(text, "false") ? NULL : type_details[type];
    case TYPE_UUID:
        if (!is_uuid(text))
            return type_details[type];
        break;
    default:
        break;
    }
    *json = quoted(text, arena);
    return NULL;
}

// A value of the request's JSON, of the declared type or not.
static const char *check_json(enum type type, struct mg_str json, struct mg_arena *arena)
{
    enum mg_json_type is = mg_json_type(json);
    bool right = true;
    if (type == TYPE_STRING)
        right = is == MG_JSON_STRING;
    else if (type == TYPE_INTEGER)
        right = is == MG_JSON_NUMBER && is_integer(json);
    else if (type == TYPE_NUMBER)
        right = is == MG_JSON_NUMBER;
    else if (type == TYPE_BOOLEAN)
        right = is == MG_JSON_TRUE || is == MG_JSON_FALSE;
    else if (type == TYPE_UUID)
        right = is == MG_JSON_STRING && is_uuid(mg_json_text_in(json, arena));
    return right ? NULL : type_details[type];
}

static bool same_json(struct mg_str a, struct mg_str b, struct mg_arena *arena)
{
    if (mg_json_type(a) == MG_JSON_STRING && mg_json_type(b) == MG_JSON_STRING)
        return mg_str_eq(mg_json_text_in(a, arena), mg_json_text_in(b, arena));
    if (mg_json_type(a) == MG_JSON_NUMBER && mg_json_type(b) == MG_JSON_NUMBER)
        return mg_json_double(a) == mg_json_double(b);
    return mg_str_eq(a, b);
}

// Characters of a string (UTF-8 sequences), or the number itself.
static double measure(struct mg_str json, struct mg_arena *arena)
{
    if (mg_json_type(json) != MG_JSON_STRING)
        return mg_json_double(json);
    struct mg_str text = mg_json_text_in(json, arena);
    double count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

static const char *check_bounds(const struct field *field, struct mg_str json,
                                struct mg_arena *arena)
{
    enum mg_json_type is = mg_json_type(json);
    if ((field->has_min || field->has_max) && (is == MG_JSON_STRING || is == MG_JSON_NUMBER)) {
        double size = measure(json, arena);
        const char *of = is == MG_JSON_STRING ? " characters long" : "";
        if (field->has_min && size < field->min)
            return mg_arena_printf(arena, "must be at least %.15g%s", field->min, of).data;
        if (field->has_max && size > field->max)
            return mg_arena_printf(arena, "must be at most %.15g%s", field->max, of).data;
    }
    if (!field->one_of.len)
        return NULL;
    struct mg_json_iter iter;
    for (mg_json_begin(&iter, field->one_of); mg_json_next(&iter);)
        if (same_json(iter.value, json, arena))
            return NULL;
    return mg_arena_printf(arena, "must be one of %.*s", (int)field->one_of.len, field->one_of.data)
        .data;
}

static const char *take_text(const struct field *field, struct mg_str text, struct mg_arena *arena,
                             struct mg_str *json)
{
    const char *wrong = convert_text(field->type, text, arena, json);
    return wrong ? wrong : check_bounds(field, *json, arena);
}

// Joins the checked values of a list into a JSON array.
static const char *take_list(const struct field *field, const struct mg_str *texts, unsigned count,
                             struct mg_arena *arena, struct mg_str *json)
{
    struct mg_buf list = {0};
    const char *wrong = NULL;
    mg_buf_put_char(&list, '[');
    for (unsigned i = 0; i < count && !wrong; i++) {
        struct mg_str one;
        if (i)
            mg_buf_put_char(&list, ',');
        wrong = take_text(field, texts[i], arena, &one);
        if (!wrong)
            mg_buf_put(&list, one);
    }
    mg_buf_put_char(&list, ']');
    *json = mg_arena_copy(arena, mg_buf_str(&list));
    mg_buf_fini(&list);
    return wrong;
}

static const char *take_body(const struct field *field, struct mg_str value, struct mg_arena *arena)
{
    if (!field->list) {
        const char *wrong = check_json(field->type, value, arena);
        return wrong ? wrong : check_bounds(field, value, arena);
    }
    struct mg_json_iter iter;
    if (mg_json_type(value) != MG_JSON_ARRAY)
        return "must be a list";
    for (mg_json_begin(&iter, value); mg_json_next(&iter);) {
        const char *wrong = check_json(field->type, iter.value, arena);
        if (!wrong)
            wrong = check_bounds(field, iter.value, arena);
        if (wrong)
            return mg_arena_printf(arena, "every element %s", wrong).data;
    }
    return NULL;
}

enum { list_most = 1024 };

// All texts the client sent under the field's name; a header's list is split at its commas.
static unsigned gather(const struct field *field, struct mg_scope *scope, struct mg_str *texts,
                       unsigned most)
{
    unsigned index = 0, count = 0;
    if (field->place == PLACE_PARAM) {
        texts[count++] = scope->request->params[field->param].value;
    } else if (field->place == PLACE_QUERY) {
        const struct mg_field *found;
        while (count < most && (found = mg_fields_next(&scope->query, field->name, &index)))
            texts[count++] = found->value;
    } else {
        struct mg_str joined;
        if (!mg_headers_get(&scope->request->headers, scope->arena, field->name, &joined))
            return 0;
        if (!field->list) {
            texts[count++] = joined;
            return count;
        }
        for (size_t from = 0; from <= joined.len && count < most;) {
            size_t comma = mg_str_find(joined, ',', from);
            texts[count++] = mg_str_trim(mg_str_cut(joined, from, comma));
            from = comma + 1;
        }
    }
    return count;
}

static void check_field(struct check *check, const struct field *field,
                        struct mg_input_value *value)
{
    struct mg_scope *scope = check->scope;
    const char *wrong = NULL;
    if (field->place == PLACE_BODY) {
        value->present = mg_scope_body(scope) == MG_SCOPE_SOUND &&
                         mg_json_member(scope->body, field->name, &value->json) &&
                         (field->type == TYPE_ANY || mg_json_type(value->json) != MG_JSON_NULL);
        if (value->present)
            wrong = take_body(field, value->json, scope->arena);
    } else {
        struct mg_str one, *texts = &one;
        if (field->list)
            texts = mg_arena_alloc(scope->arena, list_most * sizeof *texts);
        unsigned count = texts ? gather(field, scope, texts, field->list ? list_most : 1) : 0;
        value->present = count > 0;
        if (value->present)
            wrong = field->list ? take_list(field, texts, count, scope->arena, &value->json)
                                : take_text(field, texts[0], scope->arena, &value->json);
    }
    if (!value->present && field->fallback.len)
        *value = (struct mg_input_value){true, field->fallback};
    else if (!value->present && !field->optional)
        wrong = "is missing";
    if (wrong)
        complain(check, field, wrong);
}

bool mg_input_check(const struct mg_input *input, struct mg_scope *scope, struct mg_buf *errors)
{
    struct check check = {scope, errors, 0};
    scope->input = input;
    scope->inputs = mg_arena_zero(scope->arena, input->count + 1, sizeof *scope->inputs);
    if (!scope->inputs)
        return false;
    if (!mg_scope_query(scope)) {
        mg_buf_put(errors,
                   MG_STR("[{\"at\":\"query\",\"detail\":\"is broken or has too many fields\"}]"));
        return false;
    }
    for (unsigned i = 0; i < input->count; i++)
        check_field(&check, &input->fields[i], &scope->inputs[i]);
    if (check.count)
        mg_buf_put_char(errors, ']');
    return check.count == 0 && errors->failed == MG_OK;
}
