#include "gateway/generation.h"

#include <stdlib.h>

// With gateway.lua wrong nothing is served; what is wrong with the routes is told all the same.
static void tell_about_routes(struct mg_vm *vm, struct mg_faults *faults)
{
    struct mg_arena arena = {0};
    struct mg_script_routes routes;
    mg_vm_routes(vm, &arena, &routes, faults);
    mg_arena_fini(&arena);
}

struct mg_config *mg_generation_config(const struct mg_folder *folder, struct mg_faults *faults)
{
    struct mg_buf json = {0};
    struct mg_config *config = NULL;
    struct mg_vm *vm = mg_vm_new(&folder->sources);
    if (!vm)
        mg_faults_add(faults, MG_STR("gateway.lua"), 0, MG_STR("out of memory"));
    else if (mg_vm_config(vm, folder->gateway, &json, faults))
        config = mg_config_new(mg_buf_str(&json), folder->dir, vm, faults);
    if (vm && !config)
        tell_about_routes(vm, faults);
    mg_buf_fini(&json);
    mg_vm_free(vm);
    return config;
}

// The route being added, and where its faults go.
struct adding {
    struct mg_generation *generation;
    struct mg_plan_gateway gateway;
    const struct mg_script_route *route;
    struct mg_faults *faults;
};

static void complain(struct adding *adding, int line, struct mg_str message)
{
    struct mg_generation *generation = adding->generation;
    mg_faults_add(adding->faults, adding->route->file, line,
                  mg_vm_redact(generation->vm, message, &generation->arena));
}

static const struct mg_plan *compile(struct adding *adding, struct mg_str host, struct mg_str path)
{
    struct mg_arena *arena = &adding->generation->arena;
    const struct mg_script_route *route = adding->route;
    struct mg_str params[MG_ROUTE_PARAMS_MOST], why;
    int count = mg_router_names(arena, host, path, params, &why);
    if (count < 0) {
        complain(adding, route->line, why);
        return NULL;
    }
    struct mg_plan_error error;
    const struct mg_plan *plan =
        mg_plan_compile(route->json, params, (unsigned)count, &adding->gateway, arena, &error);
    if (plan)
        return plan;
    int line = mg_vm_locate(adding->generation->vm, route->file, route->line, error.path);
    if (line == route->line && error.line)
        line = error.line;
    complain(adding, line, error.message);
    return NULL;
}

static struct mg_str member_text(struct adding *adding, struct mg_str key)
{
    struct mg_str value;
    return mg_json_member(adding->route->json, key, &value)
               ? mg_json_text_in(value, &adding->generation->arena)
               : (struct mg_str){0};
}

static void add_route(struct adding *adding)
{
    struct mg_generation *generation = adding->generation;
    struct mg_str host = member_text(adding, MG_STR("host")), why;
    struct mg_str path = member_text(adding, MG_STR("path"));
    int other;
    const struct mg_plan *plan = compile(adding, host, path);
    if (!plan)
        return;
    unsigned method = plan->any_method ? MG_ROUTE_ANY_METHOD : plan->method;
    if (mg_router_add(generation->router, host, method, path, (int)generation->count, &why,
                      &other)) {
        generation->plans[generation->count++] = plan;
        return;
    }
    if (other >= 0)
        why = mg_arena_printf(&generation->arena, "%.*s: %.*s:%d has it already", (int)why.len,
                              why.data, (int)generation->plans[other]->file.len,
                              generation->plans[other]->file.data, generation->plans[other]->line);
    complain(adding, adding->route->line, why);
}

static struct mg_plan_gateway gateway_of(const struct mg_config *config)
{
    struct mg_plan_gateway gateway = {config->backends, config->backend_count, {0}};
#define MG_PLAN_LIMIT_OF(name) gateway.limits.name = config->limits.name;
    MG_PLAN_LIMITS(MG_PLAN_LIMIT_OF)
#undef MG_PLAN_LIMIT_OF
    return gateway;
}

static bool load(struct mg_generation *generation, const struct mg_folder *folder,
                 const struct mg_config *config, struct mg_faults *faults)
{
    struct mg_script_routes routes = {0};
    struct mg_buf json = {0};
    bool ok = mg_vm_config(generation->vm, folder->gateway, &json, faults);
    mg_buf_fini(&json);
    mg_vm_limit(generation->vm, &(struct mg_vm_limits){config->limits.slice, config->limits.load,
                                                       config->limits.state});
    ok = ok && mg_vm_routes(generation->vm, &generation->arena, &routes, faults);
    if (!ok)
        return false;
    mg_vm_backends(generation->vm, config->backends, config->backend_count);
    generation->router = mg_router_new(&generation->arena);
    generation->plans =
        mg_arena_zero(&generation->arena, routes.count + 1, sizeof *generation->plans);
    generation->slow_told =
        mg_arena_zero(&generation->arena, routes.count + 1, sizeof *generation->slow_told);
    if (!generation->router || !generation->plans || !generation->slow_told ||
        !mg_vm_chores(generation->vm, &generation->arena, &generation->chores))
        return false;
    for (unsigned i = 0; i < routes.count; i++)
        add_route(&(struct adding){generation, gateway_of(config), &routes.items[i], faults});
    for (unsigned i = 0; i < generation->chores.count; i++)
        generation->task_count += !generation->chores.items[i].every;
    generation->idle.limits = gateway_of(config).limits;
    return !mg_faults_any(faults);
}

struct mg_generation *mg_generation_new(const struct mg_folder *folder,
                                        const struct mg_config *config, struct mg_faults *faults)
{
    struct mg_generation *generation = calloc(1, sizeof *generation);
    if (generation)
        generation->vm = mg_vm_new(&folder->sources);
    if (generation && generation->vm && load(generation, folder, config, faults))
        return generation;
    if (!mg_faults_any(faults))
        mg_faults_add(faults, MG_STR("gateway.lua"), 0, MG_STR("out of memory"));
    mg_generation_free(generation);
    return NULL;
}

void mg_generation_free(struct mg_generation *generation)
{
    if (!generation)
        return;
    mg_vm_free(generation->vm);
    mg_arena_fini(&generation->arena);
    free(generation);
}
