#include "gateway/edition.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "gateway/generation.h"

struct mg_edition *mg_edition_new(const char *dir, struct mg_faults *faults)
{
    struct mg_edition *edition = calloc(1, sizeof *edition);
    if (!edition)
        return NULL;
    mg_folder_read(&edition->folder, dir, faults);
    return edition;
}

// Descriptors for clients: what is left of the process's when backends have theirs.
static void bound_connections(struct mg_config *config)
{
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    uint64_t all = files.rlim_max, kept = 1000;
    for (unsigned i = 0; i < config->service_count; i++)
        kept += config->services[i].at_once;
    uint64_t clients = all > 2 * kept ? all - kept : all / 2;
    if (!config->conn.connections || config->conn.connections > clients)
        config->conn.connections = clients < UINT32_MAX ? (unsigned)clients : UINT32_MAX;
}

bool mg_edition_configure(struct mg_edition *edition, struct mg_faults *faults)
{
    struct mg_config *config = mg_generation_config(&edition->folder, faults);
    struct mg_str wrong;
    edition->config = config;
    if (!config)
        return false;
    bound_connections(config);
    if (mg_networks_parse(&edition->trusted, config->trusted, config->trusted_count, &config->arena,
                          &wrong))
        return true;
    mg_faults_add(faults, MG_STR("gateway.lua"), 0,
                  mg_arena_printf(&config->arena, "trusted: \"%.*s\" is no network", (int)wrong.len,
                                  wrong.data));
    return false;
}

bool mg_edition_open(struct mg_edition *edition, struct mg_grounds *grounds,
                     const struct mg_edition *before, struct mg_buf *why)
{
    static const struct mg_shared_set none;
    return mg_shared_open(&edition->shared, edition->config, &edition->folder, grounds,
                          before ? &before->shared : &none, why);
}

void mg_edition_free(struct mg_edition *edition)
{
    if (!edition)
        return;
    mg_list_drop(&edition->node);
    mg_shared_close(&edition->shared);
    mg_config_free(edition->config);
    mg_folder_fini(&edition->folder);
    free(edition);
}
