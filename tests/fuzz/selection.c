// Any dates, tags, ranges and paths: the input's lines are the fields of a request, in the order of
// struct mg_conditions, then the tag, then a path. What is selected lies within the file.
#include <assert.h>

#include "http/date.h"
#include "http/media.h"
#include "http/selection.h"
#include "http/tag.h"
#include "text.h"

static struct mg_str line(struct mg_str *text)
{
    struct mg_str one = fuzz_line(text);
    return one.len ? one : (struct mg_str){0};
}

static void check_date(struct mg_str text)
{
    int64_t date, again;
    char written[MG_DATE_SIZE];
    if (!mg_date_parse(text, 1700000000, &date) || date < 0 || date > 253402300799)
        return;
    mg_date_write(date, written);
    assert(mg_date_parse(mg_str_of(written), 1700000000, &again) && again == date);
}

static void check_selection(const struct mg_conditions *conditions, struct mg_str tag,
                            uint64_t size)
{
    const struct mg_selectable thing = {tag, 784111777, size};
    struct mg_selection it = mg_select(conditions, &thing, 1700000000);
    char text[MG_RANGE_SIZE];
    assert(it.status == 200 || it.status == 206 || it.status == 304 || it.status == 412 ||
           it.status == 416);
    assert(it.part.from <= size && it.part.length <= size - it.part.from);
    assert(it.status != 200 || it.part.length == size);
    if (it.status == 206) {
        assert(it.part.length > 0 && conditions->range.data && conditions->method == MG_GET);
        mg_range_write(&it.part, size, text);
    } else {
        assert(it.status == 200 || it.part.length == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mg_str text = {len ? (const char *)data : "", len};
    struct mg_conditions conditions = {.method = len % 5 ? MG_GET : MG_HEAD};
    conditions.if_match = line(&text);
    conditions.if_none_match = line(&text);
    conditions.if_modified_since = line(&text);
    conditions.if_unmodified_since = line(&text);
    conditions.if_range = line(&text);
    conditions.range = line(&text);
    struct mg_str tag = line(&text);
    check_date(conditions.if_modified_since);
    check_date(conditions.if_range);
    assert(!mg_tag_in(conditions.if_match, tag, true) ||
           mg_tag_in(conditions.if_match, tag, false) || mg_str_is(mg_str_trim(tag), "*"));
    check_selection(&conditions, tag, 0);
    check_selection(&conditions, tag, 1000);
    check_selection(&conditions, tag, UINT64_MAX);
    assert(mg_media_type(text).len > 0);
    return 0;
}
