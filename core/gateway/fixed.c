#include "gateway/fixed.h"

#include "base/log.h"

static void put_listen(struct mg_buf *buf, const struct mg_config *config)
{
    for (unsigned i = 0; i < config->listen_count; i++) {
        mg_buf_put(buf, config->listen[i]);
        mg_buf_put_char(buf, '\n');
    }
}

static bool listens_as(const struct mg_config *config, struct mg_str listen)
{
    struct mg_buf own = {0};
    put_listen(&own, config);
    bool same = mg_str_eq(mg_buf_str(&own), listen);
    mg_buf_fini(&own);
    return same;
}

void mg_fixed_note(struct mg_fixed *fixed, const struct mg_config *first)
{
    fixed->workers = first->workers;
    fixed->limits = first->limits;
    put_listen(&fixed->listen, first);
}

void mg_fixed_tell(const struct mg_fixed *fixed, const struct mg_config *config,
                   const struct mg_config *before)
{
    struct mg_buf last = {0};
    put_listen(&last, before);
    const struct {
        const char *name;
        bool wrong;
    } all[] = {
        {"listen", fixed->listen_matters && !listens_as(config, mg_buf_str(&fixed->listen)) &&
                       !listens_as(config, mg_buf_str(&last))},
        {"workers", fixed->workers_matter && config->workers != fixed->workers &&
                        config->workers != before->workers},
#define LIMIT(name)                                                                                \
    {"limits." #name,                                                                              \
     config->limits.name != fixed->limits.name && config->limits.name != before->limits.name}
        LIMIT(shared),
        LIMIT(names_at_once),
        LIMIT(compute_threads),
        LIMIT(compute_jobs),
#undef LIMIT
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].wrong)
            mg_log(MG_LOG_WARN, "gateway.lua: %s has changed: that needs a restart", all[i].name);
    mg_buf_fini(&last);
}

void mg_fixed_fini(struct mg_fixed *fixed)
{
    mg_buf_fini(&fixed->listen);
}
