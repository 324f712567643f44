#include "plan/input.h"

#include "json/write.h"
#include "plan/rule.h"
#include "plan/scope.h"

enum place { PLACE_PARAM, PLACE_QUERY, PLACE_HEADER, PLACE_BODY, PLACE_COUNT };

static const char *const place_words[] = {"params", "query", "headers", "body"};

struct field {
    enum place place;
    struct mg_str name;
    unsigned param; // PARAM: index among the path's parameters
    bool list, optional;
    struct mg_rule rule;    // of the value, or of each in the list
    struct mg_str fallback; // JSON text of the default; empty: none
};

struct mg_input {
    struct field *fields;
    unsigned count;
    struct mg_matcher *matcher; // NULL: no field has a pattern
    struct mg_rule_limits limits;
};

// The fields being compiled.
struct compiling {
    struct mg_input *input;
    const struct mg_str *params;
    unsigned param_count;
    struct mg_arena *arena;
    struct mg_input_error *error;
};

static bool flag(struct mg_str object, const char *name)
{
    struct mg_str value;
    return mg_json_member(object, mg_str_of(name), &value) && mg_json_type(value) == MG_JSON_TRUE;
}

// `why` begins with the key that it is about.
static bool fail(struct compiling *c, const struct field *field, struct mg_str why, const char *key)
{
    const char *place = field->place == PLACE_PARAM ? "" : place_words[field->place];
    struct mg_str at = mg_arena_printf(c->arena, "input.%s%s%.*s", place, *place ? "." : "",
                                       (int)field->name.len, field->name.data);
    struct mg_str message = mg_arena_printf(c->arena, "%.*s: %.*s", (int)at.len, at.data,
                                            (int)why.len, why.data ? why.data : "");
    struct mg_str full = mg_arena_printf(c->arena, "%.*s.%s", (int)at.len, at.data, key);
    if (at.data && why.data && message.data && full.data)
        *c->error = (struct mg_input_error){message, full};
    return false;
}

// What the author lists must be what is asked of the client.
static bool check_own(struct compiling *c, const struct field *field, const struct mg_rule *rule,
                      struct mg_str values, bool list, const char *key)
{
    struct mg_rule_check check = {c->arena, c->input->matcher, c->input->limits, NULL};
    struct mg_json_iter iter;
    const char *wrong = NULL;
    if (!list)
        wrong = mg_rule_json(rule, values, &check);
    else
        for (mg_json_begin(&iter, values); !wrong && mg_json_next(&iter);)
            wrong = mg_rule_json(rule, iter.value, &check);
    return !wrong || fail(c, field, mg_arena_printf(c->arena, "%s %s", key, wrong), key);
}

static bool compile_rule(struct compiling *c, struct field *field, struct mg_str json)
{
    struct mg_str why;
    if (!mg_rule_compile(&field->rule, json, c->arena, &why))
        return fail(c, field, why, "match");
    if (field->rule.match && !c->input->matcher && !(c->input->matcher = mg_matcher_new(c->arena)))
        return false;
    struct mg_rule rest = field->rule;
    rest.one_of = (struct mg_str){0};
    return (!field->rule.one_of.len ||
            check_own(c, field, &rest, field->rule.one_of, true, "one_of")) &&
           (!mg_json_member(json, MG_STR("default"), &field->fallback) ||
            check_own(c, field, &field->rule, field->fallback, field->list, "default"));
}

static bool compile_field(struct compiling *c, struct field *field, struct mg_str json)
{
    field->list = flag(json, "list");
    field->optional = flag(json, "optional");
    if (!compile_rule(c, field, json))
        return false;
    if (field->place != PLACE_PARAM)
        return true;
    for (field->param = 0; field->param < c->param_count; field->param++)
        if (mg_str_eq(c->params[field->param], field->name))
            return true;
    return fail(c, field, MG_STR("the path has no parameter of this name"), "");
}

static bool compile_fields(struct compiling *c, struct mg_str json)
{
    struct mg_json_iter iter;
    struct mg_str group;
    for (unsigned place = 0; place < PLACE_COUNT; place++) {
        if (!mg_json_member(json, mg_str_of(place_words[place]), &group))
            continue;
        for (mg_json_begin(&iter, group); mg_json_next(&iter);) {
            struct field *field = &c->input->fields[c->input->count++];
            field->place = (enum place)place;
            field->name = mg_json_text_in(iter.key, c->arena);
            if (!field->name.data || !compile_field(c, field, iter.value))
                return false;
        }
    }
    return true;
}

struct mg_input *mg_input_compile(struct mg_str json, const struct mg_str *params,
                                  unsigned param_count, const struct mg_rule_limits *limits,
                                  struct mg_arena *arena, struct mg_input_error *error)
{
    struct mg_input *input = MG_ARENA_NEW(arena, struct mg_input);
    struct mg_json_iter iter;
    unsigned most = 0;
    struct mg_str group;
    *error = (struct mg_input_error){MG_STR("out of memory"), MG_STR("input")};
    for (unsigned place = 0; place < PLACE_COUNT; place++)
        if (mg_json_member(json, mg_str_of(place_words[place]), &group))
            for (mg_json_begin(&iter, group); mg_json_next(&iter);)
                most++;
    if (!input || !(input->fields = mg_arena_zero(arena, most + 1, sizeof *input->fields)))
        return NULL;
    input->limits = *limits;
    return compile_fields(&(struct compiling){input, params, param_count, arena, error}, json)
               ? input
               : NULL;
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
    struct mg_rule_check rules;
    struct mg_str log;
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

// Joins the checked values of a list into a JSON array.
static const char *take_list(const struct field *field, const struct mg_str *texts, unsigned count,
                             struct mg_rule_check *check, struct mg_str *json)
{
    struct mg_buf list = {0};
    const char *wrong = NULL;
    mg_buf_put_char(&list, '[');
    for (unsigned i = 0; i < count && !wrong; i++) {
        struct mg_str one;
        if (i)
            mg_buf_put_char(&list, ',');
        wrong = mg_rule_text(&field->rule, texts[i], check, &one);
        if (!wrong)
            mg_buf_put(&list, one);
    }
    mg_buf_put_char(&list, ']');
    *json = mg_arena_copy(check->arena, mg_buf_str(&list));
    check->arena->starved |= list.failed != MG_OK;
    mg_buf_fini(&list);
    return wrong;
}

static const char *take_body(const struct field *field, struct mg_str value,
                             struct mg_rule_check *check)
{
    struct mg_json_iter iter;
    if (!field->list)
        return mg_rule_json(&field->rule, value, check);
    if (mg_json_type(value) != MG_JSON_ARRAY)
        return "must be a list";
    for (mg_json_begin(&iter, value); mg_json_next(&iter);) {
        const char *wrong = mg_rule_json(&field->rule, iter.value, check);
        if (wrong)
            return mg_arena_printf(check->arena, "every element %s", wrong).data;
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
            texts[count] = mg_str_trim(mg_str_cut(joined, from, comma));
            count += texts[count].len > 0; // empty elements do not count (RFC 9110 §5.6.1)
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
        value->present =
            mg_scope_body(scope) == MG_SCOPE_SOUND &&
            mg_json_member(scope->body, field->name, &value->json) &&
            (field->rule.type == MG_RULE_ANY || mg_json_type(value->json) != MG_JSON_NULL);
        if (value->present)
            wrong = take_body(field, value->json, &check->rules);
    } else {
        struct mg_str one, *texts = &one;
        if (field->list)
            texts = mg_arena_alloc(scope->arena, (list_most + 1) * sizeof *texts);
        unsigned count = texts ? gather(field, scope, texts, field->list ? list_most + 1 : 1) : 0;
        value->present = count > 0;
        if (count > list_most)
            wrong = "is a list of more than 1024 values";
        else if (value->present)
            wrong = field->list ? take_list(field, texts, count, &check->rules, &value->json)
                                : mg_rule_text(&field->rule, texts[0], &check->rules, &value->json);
    }
    if (!value->present && field->fallback.len)
        *value = (struct mg_input_value){true, field->fallback};
    else if (!value->present && !field->optional)
        wrong = "is missing";
    if (wrong)
        complain(check, field, wrong);
    if (check->rules.log && !check->log.len)
        check->log = mg_arena_printf(scope->arena, "input.%s.%.*s: the text was not matched: %s",
                                     place_words[field->place], (int)field->name.len,
                                     field->name.data, check->rules.log);
}

bool mg_input_check(const struct mg_input *input, struct mg_scope *scope, struct mg_buf *errors,
                    struct mg_str *log)
{
    struct check check = {
        scope, errors, 0, {scope->arena, input->matcher, input->limits, NULL}, {0}};
    *log = (struct mg_str){0};
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
    *log = check.log;
    return check.count == 0 && errors->failed == MG_OK;
}
