// A call of Redis, compiled: each word of its commands is a template of its own, so that what fills
// one cannot become another.
#include "plan/compile.h"

static bool compile_literal(struct mg_compile *c, struct mg_template *template, struct mg_str text)
{
    *template = (struct mg_template){MG_ARENA_NEW(c->arena, struct mg_piece), 1};
    if (!template->pieces || !text.data)
        return mg_compile_no_memory(c);
    template->pieces[0] = (struct mg_piece){.literal = true, .text = text};
    return true;
}

// Booleans are 1 and 0, as in SQL; other values as JSON writes them.
static bool compile_argument(struct mg_compile *c, struct mg_template *template, struct mg_str json)
{
    enum mg_json_type type = mg_json_type(json);
    if (type == MG_JSON_STRING)
        return mg_compile_template(c, template, mg_json_text_in(json, c->arena), "args");
    if (type == MG_JSON_NULL)
        return mg_compile_fail(c, MG_STR("null is no argument of a command"), "args");
    struct mg_str text = type == MG_JSON_TRUE    ? MG_STR("1")
                         : type == MG_JSON_FALSE ? MG_STR("0")
                                                 : mg_arena_copy(c->arena, json);
    return compile_literal(c, template, text);
}

static bool compile_command(struct mg_compile *c, struct mg_str json, struct mg_plan_call *call)
{
    struct mg_plan_command *command = &call->commands[call->command_count++];
    struct mg_str args = {0}, name = mg_compile_text(json, "verb", c->arena);
    struct mg_json_iter iter;
    mg_json_member(json, MG_STR("args"), &args);
    command->words = mg_arena_zero(c->arena, mg_compile_count(args) + 1, sizeof *command->words);
    if (!command->words)
        return mg_compile_no_memory(c);
    if (!name.len)
        return mg_compile_fail(c, MG_STR("a command needs a name"), "");
    if (!compile_literal(c, &command->words[command->count++], name))
        return false;
    for (mg_json_begin(&iter, args); mg_json_next(&iter);)
        if (!compile_argument(c, &command->words[command->count++], iter.value))
            return false;
    return true;
}

// As the author wrote it, for people: "SET user:{id} 7".
static void show(struct mg_compile *c, struct mg_str json, struct mg_buf *text)
{
    struct mg_str args = {0};
    struct mg_json_iter iter;
    mg_buf_put(text, text->len ? MG_STR(", ") : MG_STR(""));
    mg_buf_put(text, mg_compile_text(json, "verb", c->arena));
    mg_json_member(json, MG_STR("args"), &args);
    for (mg_json_begin(&iter, args); mg_json_next(&iter);) {
        mg_buf_put_char(text, ' ');
        mg_buf_put(text, mg_json_type(iter.value) == MG_JSON_STRING
                             ? mg_json_text_in(iter.value, c->arena)
                             : iter.value);
    }
}

bool mg_compile_redis(struct mg_compile *c, struct mg_str call, struct mg_plan_call *out)
{
    struct mg_str list, calls;
    struct mg_json_iter iter;
    struct mg_buf text = {0};
    out->atomic = mg_json_member(call, MG_STR("calls"), &calls);
    list = out->atomic ? calls : mg_arena_printf(c->arena, "[%.*s]", (int)call.len, call.data);
    out->commands = mg_arena_zero(c->arena, mg_compile_count(list) + 1, sizeof *out->commands);
    bool ok = list.data && out->commands ? true : mg_compile_no_memory(c);
    for (mg_json_begin(&iter, list); ok && mg_json_next(&iter);) {
        ok = compile_command(c, iter.value, out);
        show(c, iter.value, &text);
    }
    if (ok && !out->command_count)
        ok = mg_compile_fail(c, MG_STR("an atomic call needs calls"), "");
    out->path_text =
        mg_arena_printf(c->arena, "%s%.*s%s", out->atomic ? "atomic { " : "", (int)text.len,
                        text.data ? text.data : "", out->atomic ? " }" : "");
    mg_buf_fini(&text);
    return ok;
}
