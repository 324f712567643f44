#include <stdio.h>

#include "cli/command.h"
#include "cli/loaded.h"

// The routes whose limits are not the gateway's.
static void put_own_limits(struct mg_buf *out, const struct mg_loaded *loaded)
{
    for (unsigned i = 0; i < loaded->generation->count; i++) {
        const struct mg_plan *plan = loaded->generation->plans[i];
        struct mg_buf limits = {0};
        mg_loaded_put_limits(&limits, loaded->edition->config, plan, false);
        if (limits.len)
            mg_buf_printf(out, "%s%.*s:%d: %.*s: %.*s\n", out->len ? "  " : "limits of routes:\n  ",
                          (int)plan->file.len, plan->file.data, plan->line, (int)plan->path.len,
                          plan->path.data, (int)limits.len, limits.data);
        mg_buf_fini(&limits);
    }
}

int mg_command_check(int argc, char **argv)
{
    struct mg_loaded loaded;
    const char *dir;
    bool json;
    int wrong = mg_loaded_arguments("check", argc, argv, &dir, &json);
    if (wrong)
        return wrong;
    bool ok = mg_loaded_open(&loaded, dir);
    if (!ok || json) {
        mg_loaded_print_faults(&loaded.faults, json);
        mg_loaded_close(&loaded);
        return ok ? 0 : 1;
    }
    struct mg_buf limits = {0};
    mg_vm_limits(loaded.generation->vm, &limits);
    printf("%s: %u routes, %u backends: all is well\n", dir, loaded.generation->count,
           loaded.edition->config->backend_count);
    printf("limits (* set in gateway.lua):\n%.*s", (int)limits.len, limits.data ? limits.data : "");
    limits.len = 0;
    put_own_limits(&limits, &loaded);
    printf("%.*s", (int)limits.len, limits.data ? limits.data : "");
    mg_buf_fini(&limits);
    mg_loaded_close(&loaded);
    return 0;
}
