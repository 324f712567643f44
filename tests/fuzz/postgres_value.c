// Whatever a database server sends as a value of any type becomes JSON. The input is the type's
// OID, two bytes, and the value's text.
#include "backend/postgres_value.h"

#include <stdlib.h>

#include "json/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mg_buf out = {0};
    if (size < 2)
        return 0;
    unsigned type = (unsigned)(data[0] << 8 | data[1]);
    struct mg_str text = {(const char *)data + 2, size - 2};
    if (mg_postgres_put_value(&out, type, text) &&
        !mg_json_valid(mg_buf_str(&out), MG_JSON_DEPTH_MOST, NULL))
        abort();
    mg_buf_fini(&out);
    return 0;
}
