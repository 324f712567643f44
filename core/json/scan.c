#include "json/scan.h"

#include "json/run.h"

static inline const char *string_end(const char *quote, const char *end, bool *plain)
{
    *plain = true;
    for (const char *at = quote + 1;;) {
        at = mg_run_end(at, end, false);
        if (at >= end)
            return end;
        if (*at == '"')
            return at + 1;
        *plain = false;
        at += 2; // whatever is escaped, the byte behind the backslash does not end the string
    }
}

const char *mg_json_string_end(const char *quote, const char *end, bool *plain)
{
    return string_end(quote, end, plain);
}

// Behind the container that opens at `at`. The text is valid, so brackets need only be counted.
static const char *container_end(const char *at, const char *end)
{
    bool plain;
    for (size_t open = 0; at < end;) {
        switch (*at) {
        case '"':
            at = string_end(at, end, &plain);
            continue;
        case '[':
        case '{':
            open++;
            break;
        case ']':
        case '}':
            if (--open == 0)
                return at + 1;
            break;
        }
        at++;
    }
    return end;
}

// Most texts have fewer colons in all, which is quick to see.
static bool has_more_colons(struct mg_str text, unsigned most)
{
    unsigned count = 0;
    for (size_t at = 0; count <= most; at++, count++)
        if ((at = mg_str_find(text, ':', at)) == text.len)
            return false;
    return true;
}

// A colon that is in no string stands behind a key of the object that was opened last.
bool mg_json_keys_fit(struct mg_str text, unsigned most)
{
    unsigned keys[MG_JSON_DEPTH_MOST + 1] = {0}, open = 0; // of each object or array that is open
    const char *at = text.data, *end = at + text.len;
    bool plain;
    if (!has_more_colons(text, most))
        return true;
    while (at < end) {
        char c = *at;
        if (c == '[' || c == '{')
            keys[++open] = 0;
        else if (c == ']' || c == '}')
            open--;
        else if (c == ':' && ++keys[open] > most)
            return false;
        at = c == '"' ? string_end(at, end, &plain) : at + 1;
    }
    return true;
}

static const char *value_end(const char *at, const char *end)
{
    bool plain;
    if (at < end && *at == '"')
        return string_end(at, end, &plain);
    if (at < end && (*at == '[' || *at == '{'))
        return container_end(at, end);
    while (at < end && *at != ',' && *at != ']' && *at != '}' && (unsigned char)*at > ' ')
        at++;
    return at;
}

struct mg_str mg_json_trim(struct mg_str value)
{
    if (!value.len)
        return value;
    const char *end = value.data + value.len, *at = mg_run_space(value.data, end);
    while (end > at && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\r' || end[-1] == '\t'))
        end--;
    return (struct mg_str){at, (size_t)(end - at)};
}

enum mg_json_type mg_json_type(struct mg_str value)
{
    value = mg_json_trim(value);
    switch (value.len ? *value.data : 'n') {
    case 'n':
        return MG_JSON_NULL;
    case 'f':
        return MG_JSON_FALSE;
    case 't':
        return MG_JSON_TRUE;
    case '"':
        return MG_JSON_STRING;
    case '[':
        return MG_JSON_ARRAY;
    case '{':
        return MG_JSON_OBJECT;
    default:
        return MG_JSON_NUMBER;
    }
}

void mg_json_begin(struct mg_json_iter *iter, struct mg_str container)
{
    *iter = (struct mg_json_iter){0};
    container = mg_json_trim(container);
    if (!container.len || (*container.data != '[' && *container.data != '{'))
        return;
    iter->object = *container.data == '{';
    iter->at = container.data + 1;
    iter->end = container.data + container.len - 1; // the closing bracket
}

bool mg_json_next(struct mg_json_iter *iter)
{
    bool plain;
    const char *at = mg_run_space(iter->at, iter->end), *end = iter->end;
    if (at < end && *at == ',')
        at = mg_run_space(at + 1, end);
    if (at >= end)
        return false;
    if (iter->object) {
        iter->key.data = at;
        at = string_end(at, end, &plain);
        iter->key.len = (size_t)(at - iter->key.data);
        at = mg_run_space(at, end);
        if (at < end) // the colon
            at = mg_run_space(at + 1, end);
    }
    iter->value.data = at;
    iter->at = value_end(at, end);
    iter->value.len = (size_t)(iter->at - at);
    return true;
}

bool mg_json_member(struct mg_str object, struct mg_str name, struct mg_str *value)
{
    bool found = false;
    struct mg_json_iter iter;
    mg_json_begin(&iter, object);
    if (!iter.object)
        return false;
    while (mg_json_next(&iter)) {
        if (mg_json_key_is(iter.key, name)) {
            *value = iter.value;
            found = true;
        }
    }
    return found;
}

static bool element(struct mg_str array, size_t index, struct mg_str *value)
{
    struct mg_json_iter iter;
    mg_json_begin(&iter, array);
    if (iter.object || !index)
        return false;
    while (mg_json_next(&iter)) {
        if (--index == 0) {
            *value = iter.value;
            return true;
        }
    }
    return false;
}

bool mg_json_walk(struct mg_str value, const struct mg_json_step *steps, size_t count,
                  struct mg_str *found)
{
    for (size_t i = 0; i < count; i++) {
        const struct mg_json_step *step = &steps[i];
        bool there = step->kind == MG_JSON_KEY     ? mg_json_member(value, step->key, &value)
                     : step->kind == MG_JSON_INDEX ? element(value, step->index, &value)
                                                   : false;
        if (!there)
            return false;
    }
    *found = mg_json_trim(value);
    return true;
}
