// Any bytes as hex and base64 and back, and any text as either: what is taken for one, written
// again, means the same bytes. Rooms are exactly as large as the header says.
#include <assert.h>
#include <stdlib.h>

#include "crypto/coding.h"

static char *room(size_t len)
{
    char *bytes = malloc(len ? len : 1);
    assert(bytes);
    return bytes;
}

static void check_written(struct mg_str bytes, bool url, char *text, size_t text_len)
{
    char *back = room(text_len);
    size_t len = mg_coding_unbase64((struct mg_str){text, text_len}, back);
    assert(url ? text_len == (4 * bytes.len + 2) / 3 : text_len == (bytes.len + 2) / 3 * 4);
    assert(mg_str_eq((struct mg_str){back, len}, bytes));
    free(back);
}

static void check_bytes(struct mg_str bytes)
{
    char *text = room((bytes.len + 2) / 3 * 4);
    check_written(bytes, false, text, mg_coding_base64(bytes, false, text));
    check_written(bytes, true, text, mg_coding_base64(bytes, true, text));
    free(text);
    char *hex = room(2 * bytes.len), *back = room(bytes.len);
    assert(mg_coding_hex(bytes, hex) == 2 * bytes.len);
    assert(mg_coding_unhex((struct mg_str){hex, 2 * bytes.len}, back) == bytes.len);
    assert(mg_str_eq((struct mg_str){back, bytes.len}, bytes));
    free(hex);
    free(back);
}

// Both alphabets and upper case may be taken, but bytes have one text in each.
static void check_text(struct mg_str text)
{
    char *bytes = room(text.len), *again = room((text.len + 2) / 3 * 4 + 2 * text.len);
    size_t len = mg_coding_unhex(text, bytes);
    if (len != SIZE_MAX) {
        mg_coding_hex((struct mg_str){bytes, len}, again);
        assert(mg_str_eq_nocase((struct mg_str){again, 2 * len}, text));
    }
    len = mg_coding_unbase64(text, bytes);
    if (len != SIZE_MAX) {
        size_t bare = mg_coding_base64((struct mg_str){bytes, len}, true, again);
        assert(bare <= text.len && text.len <= bare + 2);
        for (size_t i = 0; i < bare; i++)
            assert(again[i] == text.data[i] || (again[i] == '-' && text.data[i] == '+') ||
                   (again[i] == '_' && text.data[i] == '/'));
        for (size_t i = bare; i < text.len; i++)
            assert(text.data[i] == '=');
        assert(bare == text.len || text.len % 4 == 0);
    }
    free(bytes);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mg_str text = {len ? (const char *)data : "", len};
    check_bytes(text);
    check_text(text);
    return 0;
}
