// gate.each, compiled: the list, and the call that is made for each of its elements.
#include "plan/compile.h"

static bool compile_list(struct mg_compile *c, struct mg_str json, struct mg_plan_each *each)
{
    each->list_text = mg_compile_text(json, "list", c->arena);
    if (!mg_compile_template(c, &each->list, each->list_text, "list"))
        return false;
    return mg_template_single(&each->list) ||
           mg_compile_fail(c,
                           MG_STR("gate.each goes through one list: write nothing but its "
                                  "placeholder, such as \"{orders.body[].id}\""),
                           "list");
}

bool mg_compile_each(struct mg_compile *c, struct mg_str json, struct mg_plan_call *out)
{
    struct mg_str inner;
    struct mg_plan_each *each = out->each = MG_ARENA_NEW(c->arena, struct mg_plan_each);
    if (!each)
        return mg_compile_no_memory(c);
    each->at_once = (unsigned)mg_compile_int(json, "at_once");
    if (!compile_list(c, json, each))
        return false;
    if (c->names.each || !each->at_once || !mg_json_member(json, MG_STR("call"), &inner))
        return mg_compile_fail(c, MG_STR("gate.each takes a call of a backend"), "");
    each->call.name = out->name;
    c->error->line = each->call.line = (int)mg_compile_int(inner, "line");
    c->names.each = true;
    bool ok = mg_compile_contract(c, inner, &each->call) && mg_compile_kind(c, inner, &each->call);
    c->names.each = false;
    if (!ok)
        return false;
    c->error->line = out->line;
    out->kind = each->call.kind;
    out->backend = each->call.backend;
    // An element's status that ends the request ends it as that of the whole.
    out->contract.relay = each->call.contract.relay;
    out->contract.relay_count = each->call.contract.relay_count;
    return true;
}
