// What percent-decoding makes of any bytes, encoded again, decodes to the same bytes.
#include "base/percent.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mg_arena arena = {0};
    struct mg_buf encoded = {0};
    struct mg_str first, second;
    if (mg_percent_decode((struct mg_str){(const char *)data, size}, false, &arena, &first)) {
        if (!mg_percent_encode(&encoded, first) ||
            !mg_percent_decode(mg_buf_str(&encoded), false, &arena, &second) ||
            !mg_str_eq(first, second))
            abort();
    }
    mg_buf_fini(&encoded);
    mg_arena_fini(&arena);
    return 0;
}
