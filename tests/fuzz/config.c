// What gateway.lua may return, written as JSON: Lua checks it and makes its canonical form, C reads
// that. What Lua lets through, C can use: each URL, address and network is one to both.
#include <assert.h>

#include "backend/redis_url.h"
#include "gateway/config.h"
#include "gateway/networks.h"
#include "json/scan.h"

enum { depth_most = 12 };

static void put_text(struct mg_buf *lua, struct mg_str string)
{
    struct mg_buf text = {0};
    mg_json_text(string, &text);
    mg_buf_put_char(lua, '"');
    for (size_t i = 0; i < text.len; i++)
        mg_buf_printf(lua, "\\%03u", (unsigned char)text.data[i]);
    mg_buf_put_char(lua, '"');
    mg_buf_fini(&text);
}

static void put_lua(struct mg_buf *lua, struct mg_str value);

static void put_table(struct mg_buf *lua, struct mg_str value)
{
    struct mg_json_iter iter;
    mg_buf_put_char(lua, '{');
    for (mg_json_begin(&iter, value); mg_json_next(&iter);) {
        if (iter.object) {
            mg_buf_put_char(lua, '[');
            put_text(lua, iter.key);
            mg_buf_put(lua, MG_STR("]="));
        }
        put_lua(lua, iter.value);
        mg_buf_put(lua, MG_STR(",\n"));
    }
    mg_buf_put_char(lua, '}');
}

static void put_lua(struct mg_buf *lua, struct mg_str value)
{
    enum mg_json_type type = mg_json_type(value);
    if (type == MG_JSON_STRING)
        put_text(lua, value);
    else if (type == MG_JSON_ARRAY || type == MG_JSON_OBJECT)
        put_table(lua, value);
    else
        mg_buf_put(lua, type == MG_JSON_NULL ? MG_STR("nil") : value);
}

static void check_services(const struct mg_config *config)
{
    for (unsigned i = 0; i < config->service_count; i++) {
        const struct mg_http_config *service = &config->services[i];
        struct mg_url url;
        assert(service->url_count && service->at_once && service->connect_ms);
        for (unsigned k = 0; k < service->url_count; k++)
            assert(!mg_url_parse(service->urls[k], &url));
    }
}

static void check(struct mg_config *config)
{
    struct mg_networks networks;
    struct mg_redis_url url;
    struct mg_str wrong;
#define CHECK_LIMIT(name) assert(config->limits.name < INT64_MAX);
    MG_LIMITS(CHECK_LIMIT)
    assert(config->listen_count > 0 && config->workers <= 256);
    assert(config->limits.within && config->limits.header && config->limits.at_once);
    check_services(config);
    for (unsigned i = 0; i < config->redis_count; i++)
        assert(!mg_redis_url_parse(config->redis[i].url, &config->arena, &url));
    for (unsigned i = 0; i < config->database_count; i++)
        assert((config->databases[i].url.len > 0) != (config->databases[i].path.len > 0));
    assert(mg_networks_parse(&networks, config->trusted, config->trusted_count, &config->arena,
                             &wrong));
}

static void load(struct mg_vm *vm, struct mg_str text)
{
    struct mg_faults faults = {0};
    struct mg_buf json = {0};
    bool taken = mg_vm_config(vm, text, &json, &faults);
    assert(taken != mg_faults_any(&faults));
    if (taken) {
        assert(mg_json_valid(mg_buf_str(&json), MG_JSON_DEPTH_MOST, NULL));
        struct mg_config *config = mg_config_new(mg_buf_str(&json), MG_STR("dir"), vm, &faults);
        assert((config == NULL) == mg_faults_any(&faults));
        if (config)
            check(config);
        mg_config_free(config);
    }
    for (unsigned i = 0; i < faults.count; i++)
        assert(faults.items[i].message.len);
    mg_faults_fini(&faults);
    mg_buf_fini(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct mg_sources none;
    struct mg_buf lua = {0};
    struct mg_str json = {(const char *)data, len};
    if (!mg_json_valid(json, depth_most, NULL))
        return 0;
    struct mg_vm *vm = mg_vm_new(&none);
    assert(vm);
    mg_buf_put(&lua, MG_STR("return "));
    put_lua(&lua, mg_json_trim(json));
    load(vm, mg_buf_str(&lua));
    mg_vm_free(vm);
    mg_buf_fini(&lua);
    return 0;
}
