// Paths with "[]": one list of what many places hold.
#include "json/scan.h"

static size_t next_each(const struct mg_json_step *steps, size_t count)
{
    size_t at = 0;
    while (at < count && steps[at].kind != MG_JSON_EACH)
        at++;
    return at;
}

// Appends ",value" for each element of the list that the steps lead to. As deep as the path has
// EACH steps, which its author has written.
static bool put_elements(struct mg_str value, const struct mg_json_step *steps, size_t count,
                         struct mg_buf *out)
{
    size_t each = next_each(steps, count);
    struct mg_str list, found;
    struct mg_json_iter iter;
    if (!mg_json_walk(value, steps, each, &list) || mg_json_type(list) != MG_JSON_ARRAY)
        return false;
    steps += each + 1;
    count -= each + 1;
    bool inner = next_each(steps, count) < count;
    for (mg_json_begin(&iter, list); mg_json_next(&iter);) {
        if (inner) {
            put_elements(iter.value, steps, count, out);
            continue;
        }
        mg_buf_put_char(out, ',');
        mg_buf_put(out, mg_json_walk(iter.value, steps, count, &found) ? found : MG_STR("null"));
    }
    return true;
}

bool mg_json_gather(struct mg_str value, const struct mg_json_step *steps, size_t count,
                    struct mg_buf *out)
{
    size_t from = out->len;
    if (!put_elements(value, steps, count, out))
        return false;
    if (out->len == from)
        mg_buf_put_char(out, '[');
    else if (out->failed == MG_OK)
        out->data[from] = '[';
    return mg_buf_put_char(out, ']') && out->failed == MG_OK;
}
