#include "backend/postgres_value.h"

#include <ctype.h>

#include "json/scan.h"
#include "json/write.h"

// Leaves room for what a value is spliced into: rows, lists, an array of PostgreSQL's six
// dimensions.
enum { json_depth = MG_JSON_DEPTH_MOST - 16 };

// How the text of a type is written as JSON.
enum form { TEXT, BOOLEAN, NUMBER, JSON, TIMESTAMP };

struct type {
    unsigned oid, array; // pg_type.dat: these never change
    enum form form;
};

static const struct type types[] = {
    {16, 1000, BOOLEAN},     // bool
    {20, 1016, NUMBER},      // int8
    {21, 1005, NUMBER},      // int2
    {23, 1007, NUMBER},      // int4
    {26, 1028, NUMBER},      // oid
    {700, 1021, NUMBER},     // float4
    {701, 1022, NUMBER},     // float8
    {1700, 1231, NUMBER},    // numeric
    {114, 199, JSON},        // json
    {3802, 3807, JSON},      // jsonb
    {1114, 1115, TIMESTAMP}, // timestamp
    {1184, 1185, TIMESTAMP}, // timestamptz
    {25, 1009, TEXT},        // text
    {1043, 1015, TEXT},      // varchar
    {1042, 1014, TEXT},      // bpchar
    {19, 1003, TEXT},        // name
    {2950, 2951, TEXT},      // uuid
    {1082, 1182, TEXT},      // date
    {1083, 1183, TEXT},      // time
    {1266, 1270, TEXT},      // timetz
    {1186, 1187, TEXT},      // interval
    {17, 1001, TEXT},        // bytea
    {869, 1041, TEXT},       // inet
};

// "2024-02-01 03:04:05.6+00" as "2024-02-01T03:04:05.6+00:00"; what is no such text (infinity,
// years before Christ) stays as it is.
static void put_timestamp(struct mg_buf *out, struct mg_str text)
{
    size_t space = mg_str_find(text, ' ', 0);
    bool plain = space < text.len;
    for (size_t i = 0; i < text.len && plain; i++)
        plain = isdigit((unsigned char)text.data[i]) || strchr("-+:.", text.data[i]) || i == space;
    if (!plain || memchr(text.data, 0, text.len)) {
        mg_json_put_string(out, text);
        return;
    }
    char sign = text.len > space + 3 ? text.data[text.len - 3] : ' ';
    mg_buf_put_char(out, '"');
    mg_buf_put(out, mg_str_cut(text, 0, space));
    mg_buf_put_char(out, 'T');
    mg_buf_put(out, mg_str_cut(text, space + 1, text.len));
    mg_buf_put(out, sign == '+' || sign == '-' ? MG_STR(":00\"") : MG_STR("\""));
}

// A server could send anything: what is spliced must be the JSON that it is taken for.
static bool is_number(struct mg_str text)
{
    return text.len && (isdigit((unsigned char)text.data[0]) || text.data[0] == '-') &&
           mg_json_valid(text, 1, NULL) && isdigit((unsigned char)text.data[text.len - 1]);
}

static bool put(struct mg_buf *out, enum form form, struct mg_str text)
{
    switch (form) {
    case BOOLEAN:
        mg_buf_put(out, mg_str_is(text, "t") ? MG_STR("true") : MG_STR("false"));
        return true;
    case NUMBER: // or "NaN", "Infinity"
        if (is_number(text))
            mg_buf_put(out, text);
        else
            mg_json_put_string(out, text);
        return true;
    case JSON:
        if (!mg_json_valid(text, json_depth, NULL))
            return false;
        mg_buf_put(out, mg_json_trim(text));
        return true;
    case TIMESTAMP:
        put_timestamp(out, text);
        return true;
    case TEXT:
        break;
    }
    mg_json_put_string(out, text);
    return true;
}

// One element of an array's text from *at on, up to the comma or brace behind it. Quoted ones have
// "\" before what would not stand for itself.
static bool put_element(struct mg_buf *out, enum form form, struct mg_str text, size_t *at)
{
    struct mg_buf plain = {0};
    bool quoted = *at < text.len && text.data[*at] == '"';
    for (*at += quoted; *at < text.len; ++*at) {
        char c = text.data[*at];
        if (quoted ? c == '"' : c == ',' || c == '}')
            break;
        if (c == '\\' && *at + 1 < text.len)
            c = text.data[++*at];
        mg_buf_put_char(&plain, c);
    }
    *at += quoted;
    bool ok = true;
    if (plain.failed != MG_OK)
        out->failed = plain.failed;
    else if (!quoted && mg_str_is(mg_buf_str(&plain), "NULL"))
        mg_buf_put(out, MG_STR("null"));
    else
        ok = put(out, form, mg_buf_str(&plain));
    mg_buf_fini(&plain);
    return ok;
}

// "{1,2}", "{{a,b},{NULL,"c d"}}"; bounds other than 1 stand before it: "[0:1]={1,2}".
static bool put_array(struct mg_buf *out, enum form form, struct mg_str text)
{
    size_t at = text.len && text.data[0] == '[' ? mg_str_find(text, '=', 0) + 1 : 0;
    size_t start = out->len;
    bool ok = true;
    while (at < text.len && ok) {
        char c = text.data[at];
        if (c == '{' || c == '}' || c == ',') {
            mg_buf_put_char(out, c == '{' ? '[' : c == '}' ? ']' : ',');
            at++;
        } else {
            ok = put_element(out, form, text, &at);
        }
    }
    if (!ok || out->failed != MG_OK)
        return ok;
    struct mg_str made = mg_str_cut(mg_buf_str(out), start, out->len);
    if (made.len && mg_json_type(made) == MG_JSON_ARRAY &&
        mg_json_valid(made, json_depth + 8, NULL))
        return true;
    out->len = start; // it is no array after all
    return put(out, TEXT, text);
}

bool mg_postgres_put_value(struct mg_buf *out, unsigned type, struct mg_str text)
{
    if (!text.data)
        return mg_buf_put(out, MG_STR("null")) || true;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (type == types[i].oid)
            return put(out, types[i].form, text);
        if (type == types[i].array)
            return put_array(out, types[i].form, text);
    }
    return put(out, TEXT, text);
}
