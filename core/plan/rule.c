#include "plan/rule.h"

#include <math.h>

#include "json/scan.h"
#include "json/write.h"

static const char *const type_words[] = {"string", "integer", "number", "boolean", "uuid", "any"};
static const char *const type_details[] = {"must be a string", "must be an integer",
                                           "must be a number", "must be true or false",
                                           "must be a UUID",   ""};

static bool bound(struct mg_str object, const char *name, double *bound)
{
    struct mg_str value;
    if (!mg_json_member(object, mg_str_of(name), &value))
        return false;
    *bound = mg_json_double(value);
    return true;
}

static bool compile_match(struct mg_rule *rule, struct mg_str value, struct mg_arena *arena,
                          struct mg_str *error)
{
    struct mg_str why;
    rule->pattern = mg_json_text_in(value, arena);
    rule->match = rule->pattern.data ? mg_match_compile(rule->pattern, arena, &why) : NULL;
    if (rule->match)
        return true;
    *error =
        rule->pattern.data && why.len
            ? mg_arena_printf(arena, "match \"%.*s\" is no pattern: %.*s", (int)rule->pattern.len,
                              rule->pattern.data, (int)why.len, why.data)
            : MG_STR("out of memory");
    return false;
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
    struct mg_str copy = mg_arena_copy(arena, mg_buf_str(&buf));
    arena->starved |= buf.failed != MG_OK;
    mg_buf_fini(&buf);
    return copy;
}

// A text from path, query or header as JSON of the declared type.
static const char *convert_text(enum mg_rule_type type, struct mg_str text, struct mg_arena *arena,
                                struct mg_str *json)
{
    switch (type) {
    case MG_RULE_INTEGER:
        if (!is_integer(text))
            return type_details[type];
        *json = canonical_integer(text, arena);
        return NULL;
    case MG_RULE_NUMBER:
        if (!is_number(text))
            return type_details[type];
        *json = text;
        return NULL;
    case MG_RULE_BOOLEAN:
        *json = text;
        return mg_str_is(text, "true") || mg_str_is(text, "false") ? NULL : type_details[type];
    case MG_RULE_UUID:
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
static const char *check_json(enum mg_rule_type type, struct mg_str json, struct mg_arena *arena)
{
    enum mg_json_type is = mg_json_type(json);
    bool right = true;
    if (type == MG_RULE_STRING)
        right = is == MG_JSON_STRING;
    else if (type == MG_RULE_INTEGER)
        right = is == MG_JSON_NUMBER && is_integer(json);
    else if (type == MG_RULE_NUMBER)
        right = is == MG_JSON_NUMBER;
    else if (type == MG_RULE_BOOLEAN)
        right = is == MG_JSON_TRUE || is == MG_JSON_FALSE;
    else if (type == MG_RULE_UUID)
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

static const char *check_match(const struct mg_rule *rule, struct mg_str json,
                               struct mg_rule_check *check)
{
    struct mg_str text = mg_json_text_in(json, check->arena);
    if (text.len > check->left.match_text) {
        check->log = "limits.match_text";
        return mg_arena_printf(check->arena, "is longer than the %zu bytes that are matched",
                               check->left.match_text)
            .data;
    }
    switch (mg_match_test(rule->match, check->matcher, text, &check->left.match,
                          check->left.match_memory)) {
    case MG_MATCH_YES:
        return NULL;
    case MG_MATCH_NO:
        return mg_arena_printf(check->arena, "must match %.*s", (int)rule->pattern.len,
                               rule->pattern.data)
            .data;
    case MG_MATCH_STEPS:
        check->log = "limits.match";
        break;
    case MG_MATCH_MEMORY:
        check->log = "limits.match_memory";
        break;
    }
    return "takes too much work to match";
}

static const char *check_bounds(const struct mg_rule *rule, struct mg_str json,
                                struct mg_arena *arena)
{
    enum mg_json_type is = mg_json_type(json);
    if ((!rule->has_min && !rule->has_max) || (is != MG_JSON_STRING && is != MG_JSON_NUMBER))
        return NULL;
    double size = measure(json, arena);
    const char *of = is == MG_JSON_STRING ? " characters long" : "";
    if (rule->has_min && size < rule->min)
        return mg_arena_printf(arena, "must be at least %.15g%s", rule->min, of).data;
    if (rule->has_max && size > rule->max)
        return mg_arena_printf(arena, "must be at most %.15g%s", rule->max, of).data;
    return NULL;
}

static const char *check_value(const struct mg_rule *rule, struct mg_str json,
                               struct mg_rule_check *check)
{
    struct mg_json_iter iter;
    const char *wrong = check_bounds(rule, json, check->arena);
    if (!wrong && rule->match)
        wrong = check_match(rule, json, check);
    if (wrong || !rule->one_of.len)
        return wrong;
    for (mg_json_begin(&iter, rule->one_of); mg_json_next(&iter);)
        if (same_json(iter.value, json, check->arena))
            return NULL;
    return mg_arena_printf(check->arena, "must be one of %.*s", (int)rule->one_of.len,
                           rule->one_of.data)
        .data;
}

bool mg_rule_compile(struct mg_rule *rule, struct mg_str json, struct mg_arena *arena,
                     struct mg_str *error)
{
    struct mg_str value;
    if (mg_json_member(json, MG_STR("type"), &value))
        for (unsigned i = 0; i < MG_RULE_TYPES; i++)
            if (mg_json_key_is(value, mg_str_of(type_words[i])))
                rule->type = (enum mg_rule_type)i;
    rule->has_min = bound(json, "min", &rule->min);
    rule->has_max = bound(json, "max", &rule->max);
    mg_json_member(json, MG_STR("one_of"), &rule->one_of);
    return !mg_json_member(json, MG_STR("match"), &value) ||
           compile_match(rule, value, arena, error);
}

const char *mg_rule_text(const struct mg_rule *rule, struct mg_str text,
                         struct mg_rule_check *check, struct mg_str *json)
{
    const char *wrong = convert_text(rule->type, text, check->arena, json);
    return wrong ? wrong : check_value(rule, *json, check);
}

const char *mg_rule_json(const struct mg_rule *rule, struct mg_str json,
                         struct mg_rule_check *check)
{
    const char *wrong = check_json(rule->type, json, check->arena);
    return wrong ? wrong : check_value(rule, json, check);
}
