// Any bytes: the validator must not read beyond them, and what it accepts must be walkable, its
// strings and numbers readable, and what the writer makes of them valid again.
#include <math.h>
#include <stdlib.h>

#include "json/scan.h"
#include "json/write.h"

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_string(struct mg_str string)
{
    struct mg_arena arena = {0};
    struct mg_buf text = {0}, written = {0}, again = {0};
    check(mg_json_text(string, &text));
    check(mg_str_eq(mg_json_text_in(string, &arena), mg_buf_str(&text)));
    check(mg_json_key_is(string, mg_buf_str(&text)));
    check(mg_json_put_string(&written, mg_buf_str(&text)));
    check(mg_json_valid(mg_buf_str(&written), 0, NULL));
    check(mg_json_text(mg_buf_str(&written), &again));
    check(mg_str_eq(mg_buf_str(&text), mg_buf_str(&again)));
    mg_buf_fini(&text);
    mg_buf_fini(&written);
    mg_buf_fini(&again);
    mg_arena_fini(&arena);
}

static void check_number(struct mg_str number)
{
    int64_t whole;
    double value = mg_json_double(number);
    struct mg_buf written = {0};
    check(mg_json_put_double(&written, value) == (bool)isfinite(value));
    if (written.len) {
        check(mg_json_valid(mg_buf_str(&written), 0, NULL));
        check(mg_json_double(mg_buf_str(&written)) == value);
    }
    if (mg_json_int(number, &whole)) {
        mg_buf_clear(&written);
        check(mg_json_put_int(&written, whole));
        check(mg_str_eq(mg_buf_str(&written), number) || mg_str_is(number, "-0"));
    }
    mg_buf_fini(&written);
}

static void check_value(struct mg_str value, unsigned depth);

static void check_container(struct mg_str value, unsigned depth)
{
    struct mg_json_iter iter;
    mg_json_begin(&iter, value);
    for (size_t index = 1; mg_json_next(&iter); index++) {
        struct mg_arena arena = {0};
        struct mg_str found;
        struct mg_json_step step = {MG_JSON_INDEX, {0}, index};
        if (iter.object) {
            check_string(iter.key);
            step = (struct mg_json_step){MG_JSON_KEY, mg_json_text_in(iter.key, &arena), 0};
        }
        if (index < 50) { // each look-up is a walk of its own
            check(mg_json_walk(value, &step, 1, &found));
            check(iter.object || found.data == iter.value.data);
        }
        check_value(iter.value, depth - 1);
        mg_arena_fini(&arena);
    }
}

static void check_value(struct mg_str value, unsigned depth)
{
    struct mg_str trimmed = mg_json_trim(value);
    check(trimmed.data == value.data && trimmed.len == value.len);
    check(mg_json_valid(value, depth, NULL));
    switch (mg_json_type(value)) {
    case MG_JSON_STRING:
        check_string(value);
        break;
    case MG_JSON_NUMBER:
        check_number(value);
        break;
    case MG_JSON_ARRAY:
    case MG_JSON_OBJECT:
        check_container(value, depth);
        break;
    default:
        check(value.len == 4 || value.len == 5);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mg_str text = {(const char *)data, size};
    struct mg_buf written = {0};
    size_t error_at = SIZE_MAX;
    if (mg_json_valid(text, MG_JSON_DEPTH_MOST, &error_at))
        check_value(mg_json_trim(text), MG_JSON_DEPTH_MOST);
    else
        check(error_at <= size);
    check(mg_json_put_string(&written, text));
    check(mg_json_valid(mg_buf_str(&written), 0, NULL));
    mg_buf_fini(&written);
    return 0;
}
