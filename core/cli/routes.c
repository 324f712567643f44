#include <stdio.h>

#include "cli/command.h"
#include "cli/loaded.h"
#include "json/write.h"

static struct mg_str method_of(const struct mg_plan *plan)
{
    return plan->any_method ? MG_STR("*") : mg_str_of(mg_method_word(plan->method));
}

static const char *reply_of(const struct mg_plan *plan)
{
    static const char *const words[] = {"merged", "template", "function", "pass"};
    return words[plan->reply_kind];
}

// On one line, however the author broke it.
static void put_sql(struct mg_buf *out, struct mg_str sql)
{
    bool blank = true;
    for (size_t i = 0; i < sql.len; i++) {
        bool space = sql.data[i] == ' ' || (sql.data[i] >= '\t' && sql.data[i] <= '\r');
        if (!space)
            mg_buf_put_char(out, sql.data[i]);
        else if (!blank)
            mg_buf_put_char(out, ' ');
        blank = space;
    }
}

// "run insert into t values (?)"; several in a transaction: "atomic run ...; one ...".
static void put_statements(struct mg_buf *out, const struct mg_plan_call *call)
{
    mg_buf_put(out, call->verb == MG_SQL_ATOMIC ? MG_STR("atomic ") : MG_STR(""));
    for (unsigned i = 0; i < call->statement_count; i++) {
        mg_buf_printf(out, "%s%s ", i ? "; " : "", mg_sql_verb_word(call->statements[i].verb));
        put_sql(out, call->statements[i].sql);
    }
}

// What a call asks, such as "users GET /users/{id}".
static void put_ask(struct mg_buf *out, const struct mg_plan_call *call)
{
    if (call->kind == MG_CALL_VALUE) {
        mg_buf_put(out, MG_STR("value"));
        if (call->delay)
            mg_buf_printf(out, " after %llums", (unsigned long long)call->delay);
        return;
    }
    if (call->kind == MG_CALL_COMPUTE) {
        mg_buf_printf(out, "compute %.*s %.*s", (int)call->path_text.len, call->path_text.data,
                      (int)call->function.len, call->function.data);
        return;
    }
    mg_buf_put(out, call->backend->name);
    mg_buf_put_char(out, ' ');
    if (call->kind == MG_CALL_REDIS) {
        mg_buf_put(out, call->path_text);
        return;
    }
    if (call->kind == MG_CALL_SQL) {
        put_statements(out, call);
        return;
    }
    const char *verb = "*";
    if (call->kind == MG_CALL_FILE)
        verb = mg_file_verb_word((enum mg_file_verb)call->verb);
    else if (call->verb < MG_METHOD_COUNT)
        verb = mg_method_word((enum mg_method)call->verb);
    mg_buf_printf(out, "%s ", verb);
    mg_buf_put(out, call->path_text);
}

// The same; of an each, for what and how many at once: "users GET /users/{each} for each
// {orders.body[].user}, 8 at once".
static void put_asks(struct mg_buf *out, const struct mg_plan_call *call)
{
    const struct mg_plan_each *each = call->each;
    put_ask(out, each ? &each->call : call);
    if (each)
        mg_buf_printf(out, " for each %.*s, %u at once", (int)each->list_text.len,
                      each->list_text.data, each->at_once);
}

// What carries a call of a service: "plain", "libcurl", or both when that depends on the URL; and
// why. NULL: it is no call of a service.
static const char *path_of(const struct mg_config *config, const struct mg_plan_call *call,
                           const char **why)
{
    enum mg_http_path path = MG_HTTP_PATH_FITTING;
    if (call->kind != MG_CALL_HTTP)
        return NULL;
    if (call->each)
        call = &call->each->call;
    const struct mg_http_config *service = &config->services[call->backend->index];
    for (unsigned i = 0; i < service->url_count; i++) {
        bool secure = mg_str_starts(service->urls[i], MG_STR("https:"));
        enum mg_http_path its = mg_service_path(service, secure, call->redirects > 0, why);
        if (i > 0 && its != path) {
            *why = "its URLs are http and https";
            return "plain or libcurl";
        }
        path = its;
    }
    return path == MG_HTTP_PATH_PLAIN ? "plain" : "libcurl";
}

// Whether equal ones in flight are made once; of a call that keeps the client's method, the GETs.
// Not one whose answer is passed on while it comes.
static bool is_shared(const struct mg_config *config, const struct mg_plan *plan,
                      const struct mg_plan_call *call)
{
    if (call->each)
        call = &call->each->call;
    return call->kind == MG_CALL_HTTP && call != plan->pass &&
           config->services[call->backend->index].share &&
           (call->verb == MG_GET || call->verb == MG_METHOD_COUNT) &&
           call->body_kind == MG_PLAN_NO_BODY;
}

static void put_needs(struct mg_buf *out, const struct mg_plan *plan,
                      const struct mg_plan_call *call, const char *between, bool quoted)
{
    bool first = true;
    for (unsigned i = 0; i < plan->count; i++) {
        if (!(call->needs & (UINT64_C(1) << i)))
            continue;
        mg_buf_printf(out, "%s", first ? "" : between);
        if (quoted)
            mg_json_put_string(out, plan->calls[i].name);
        else
            mg_buf_put(out, plan->calls[i].name);
        first = false;
    }
}

static void put_call(struct mg_buf *out, const struct mg_config *config, const struct mg_plan *plan,
                     const struct mg_plan_call *call)
{
    mg_buf_printf(out, "  %-14.*s ", (int)call->name.len, call->name.data);
    put_asks(out, call);
    const char *why, *path = path_of(config, call, &why);
    if (path)
        mg_buf_printf(out, "  over %s%s", path, is_shared(config, plan, call) ? ", shared" : "");
    if (call->contract.has_fallback)
        mg_buf_put(out, MG_STR("  (fallback)"));
    else if (call->contract.optional)
        mg_buf_put(out, MG_STR("  (optional)"));
    if (call->contract.within)
        mg_buf_printf(out, "  within %llums", (unsigned long long)call->contract.within);
    if (call->when)
        mg_buf_put(out, MG_STR("  (when)"));
    if (call->needs)
        mg_buf_put(out, MG_STR("  waits for "));
    put_needs(out, plan, call, ", ", false);
    mg_buf_put_char(out, '\n');
}

static void put_route(struct mg_buf *out, const struct mg_config *config,
                      const struct mg_plan *plan)
{
    mg_buf_printf(out, "%-7.*s %-32.*s %-9s %.*s:%d", (int)method_of(plan).len,
                  method_of(plan).data, (int)plan->path.len, plan->path.data, reply_of(plan),
                  (int)plan->file.len, plan->file.data, plan->line);
    struct mg_buf limits = {0};
    mg_loaded_put_limits(&limits, config, plan, false);
    if (limits.len)
        mg_buf_printf(out, "  limits %.*s", (int)limits.len, limits.data);
    mg_buf_fini(&limits);
    if (plan->host.len)
        mg_buf_printf(out, "  host %.*s", (int)plan->host.len, plan->host.data);
    mg_buf_put_char(out, '\n');
    for (unsigned i = 0; i < plan->count; i++)
        put_call(out, config, plan, &plan->calls[i]);
    if (plan->pass)
        put_call(out, config, plan, plan->pass);
}

static void put_path_json(struct mg_buf *out, const char *path, const char *why, bool shared)
{
    mg_buf_put(out, MG_STR(",\"path\":"));
    mg_json_put_string(out, mg_str_of(path));
    mg_buf_put(out, MG_STR(",\"because\":"));
    mg_json_put_string(out, mg_str_of(why));
    mg_buf_printf(out, ",\"shared\":%s", shared ? "true" : "false");
}

static void put_call_json(struct mg_buf *out, const struct mg_config *config,
                          const struct mg_plan *plan, const struct mg_plan_call *call)
{
    struct mg_buf ask = {0};
    put_asks(&ask, call);
    mg_buf_put(out, MG_STR("{\"name\":"));
    mg_json_put_string(out, call->name);
    mg_buf_put(out, MG_STR(",\"asks\":"));
    mg_json_put_string(out, mg_buf_str(&ask));
    const char *why, *path = path_of(config, call, &why);
    if (path)
        put_path_json(out, path, why, is_shared(config, plan, call));
    mg_buf_put(out, MG_STR(",\"waits_for\":["));
    put_needs(out, plan, call, ",", true);
    mg_buf_put(out, MG_STR("]}"));
    mg_buf_fini(&ask);
}

static void put_json(struct mg_buf *out, const struct mg_config *config, const struct mg_plan *plan)
{
    mg_buf_put(out, MG_STR("{\"method\":"));
    mg_json_put_string(out, method_of(plan));
    mg_buf_put(out, MG_STR(",\"path\":"));
    mg_json_put_string(out, plan->path);
    if (plan->host.len) {
        mg_buf_put(out, MG_STR(",\"host\":"));
        mg_json_put_string(out, plan->host);
    }
    mg_buf_put(out, MG_STR(",\"file\":"));
    mg_json_put_string(out, plan->file);
    mg_buf_printf(out, ",\"line\":%d,\"reply\":\"%s\",\"limits\":{", plan->line, reply_of(plan));
    mg_loaded_put_limits(out, config, plan, true);
    mg_buf_put(out, MG_STR("},\"calls\":["));
    for (unsigned i = 0; i < plan->count; i++) {
        if (i)
            mg_buf_put_char(out, ',');
        put_call_json(out, config, plan, &plan->calls[i]);
    }
    mg_buf_put_char(out, ']');
    if (plan->pass) {
        mg_buf_put(out, MG_STR(",\"pass\":"));
        put_call_json(out, config, plan, plan->pass);
    }
    mg_buf_put_char(out, '}');
}

int mg_command_routes(int argc, char **argv)
{
    struct mg_loaded loaded;
    struct mg_buf out = {0};
    const char *dir;
    bool json;
    int wrong = mg_loaded_arguments("routes", argc, argv, &dir, &json);
    if (wrong)
        return wrong;
    bool ok = mg_loaded_open(&loaded, dir);
    if (!ok)
        mg_loaded_print_faults(&loaded.faults, json);
    if (ok && json)
        mg_buf_put_char(&out, '[');
    for (unsigned i = 0; ok && i < loaded.generation->count; i++) {
        if (json && i)
            mg_buf_put_char(&out, ',');
        if (json)
            put_json(&out, loaded.edition->config, loaded.generation->plans[i]);
        else
            put_route(&out, loaded.edition->config, loaded.generation->plans[i]);
    }
    if (ok && json)
        mg_buf_put(&out, MG_STR("]\n"));
    if (ok) { // a path may hold a secret
        struct mg_generation *generation = loaded.generation;
        struct mg_str text = mg_vm_redact(generation->vm, mg_buf_str(&out), &generation->arena);
        fwrite(text.data, 1, text.len, stdout);
    }
    mg_buf_fini(&out);
    mg_loaded_close(&loaded);
    return ok ? 0 : 1;
}
