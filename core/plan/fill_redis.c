// The words of Redis commands. Unlike what goes into JSON or a path, a word is bytes: a path
// parameter, or a value that Redis gave, comes out as it went in, whatever bytes it has.
#include "plan/fill_parts.h"

// What is nothing but one placeholder: text as it is, a boolean as 1 or 0, an object or array as
// its JSON text.
static enum mg_fill fill_single(const struct mg_reference *reference, struct mg_scope *scope,
                                struct mg_str *word, struct mg_fill_fault *fault)
{
    struct mg_value value = mg_scope_value(scope, reference);
    enum mg_json_type type = value.kind == MG_VALUE_JSON ? mg_json_type(value.bytes) : 0;
    if (value.kind == MG_VALUE_MISSING || (value.kind == MG_VALUE_JSON && type == MG_JSON_NULL)) {
        value.kind = MG_VALUE_MISSING;
        enum mg_fill fill = mg_fill_fault_of(reference, &value, scope, fault);
        return value.optional ? MG_FILL_MISSING : fill;
    }
    *word = value.bytes;
    if (value.kind == MG_VALUE_TEXT)
        return MG_FILL_OK;
    if (type == MG_JSON_TRUE || type == MG_JSON_FALSE)
        *word = type == MG_JSON_TRUE ? MG_STR("1") : MG_STR("0");
    else if (type == MG_JSON_STRING)
        *word = mg_json_text_in(value.bytes, scope->arena);
    return word->data ? MG_FILL_OK : MG_FILL_MEMORY;
}

static enum mg_fill fill_pieces(const struct mg_template *template, struct mg_scope *scope,
                                struct mg_str *word, struct mg_fill_fault *fault)
{
    struct mg_buf text = {0};
    bool absent;
    enum mg_fill fill = mg_fill_text(template, scope, &text, &absent, fault);
    if (fill == MG_FILL_OK && absent) {
        *fault = (struct mg_fill_fault){MG_STR("a part of an argument"), "is missing"};
        fill = MG_FILL_MISSING;
    }
    if (fill == MG_FILL_OK) {
        *word = mg_arena_copy(scope->arena, mg_buf_str(&text));
        fill = word->data ? MG_FILL_OK : MG_FILL_MEMORY;
    }
    mg_buf_fini(&text);
    return fill;
}

static enum mg_fill fill_word(const struct mg_template *template, struct mg_scope *scope,
                              struct mg_str *word, struct mg_fill_fault *fault)
{
    const struct mg_reference *single = mg_template_single(template);
    if (single)
        return fill_single(single, scope, word, fault);
    *word = MG_STR("");
    if (template->count == 0)
        return MG_FILL_OK;
    if (template->count > 1)
        return fill_pieces(template, scope, word, fault);
    *word = template->pieces[0].text;
    return MG_FILL_OK;
}

enum mg_fill mg_fill_redis(const struct mg_plan_call *plan, struct mg_scope *scope,
                           struct mg_redis_ask *ask, struct mg_fill_fault *fault)
{
    struct mg_redis_command *commands =
        mg_arena_zero(scope->arena, plan->command_count, sizeof *commands);
    *ask = (struct mg_redis_ask){commands, plan->command_count, plan->atomic};
    if (!commands)
        return MG_FILL_MEMORY;
    for (unsigned i = 0; i < plan->command_count; i++) {
        const struct mg_plan_command *from = &plan->commands[i];
        struct mg_str *words = mg_arena_zero(scope->arena, from->count, sizeof *words);
        if (!words)
            return MG_FILL_MEMORY;
        commands[i] = (struct mg_redis_command){words, from->count};
        for (unsigned k = 0; k < from->count; k++) {
            enum mg_fill fill = fill_word(&from->words[k], scope, &words[k], fault);
            if (fill != MG_FILL_OK)
                return fill;
        }
    }
    return MG_FILL_OK;
}
