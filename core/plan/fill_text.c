// What a reference means as text, and texts of several pieces.
#include "plan/fill_parts.h"

// A value is missing, or cannot stand where it must.
enum mg_fill mg_fill_fault_of(const struct mg_reference *reference, const struct mg_value *value,
                              struct mg_scope *scope, struct mg_fill_fault *fault)
{
    static const char *const roots[] = {"", "query.", "headers.", "cookies.", "body", "",
                                        "", "",       "context",  "",         ""};
    struct mg_buf what = {0};
    mg_buf_put(&what, mg_str_of(roots[reference->root]));
    mg_buf_put(&what, reference->name);
    for (unsigned i = 0; i < reference->step_count; i++) {
        if (reference->steps[i].kind == MG_JSON_INDEX)
            mg_buf_printf(&what, "[%zu]", reference->steps[i].index);
        else if (reference->steps[i].kind == MG_JSON_EACH)
            mg_buf_put(&what, MG_STR("[]"));
        else
            mg_buf_printf(&what, ".%.*s", (int)reference->steps[i].key.len,
                          reference->steps[i].key.data);
    }
    fault->what = mg_arena_copy(scope->arena, mg_buf_str(&what));
    mg_buf_fini(&what);
    fault->why = value->kind == MG_VALUE_MISSING ? "is missing" : "is no text that can stand there";
    return reference->root >= MG_ROOT_RESULT_BODY ? MG_FILL_MISSING : MG_FILL_CLIENT;
}

enum mg_fill mg_fill_value(const struct mg_reference *reference, struct mg_scope *scope,
                           struct mg_str *text, bool *absent, struct mg_fill_fault *fault)
{
    struct mg_value value = mg_scope_value(scope, reference);
    *absent = value.kind == MG_VALUE_MISSING && value.optional;
    if (*absent) {
        *text = (struct mg_str){0};
        return MG_FILL_OK;
    }
    return mg_value_text(&value, scope->arena, text)
               ? MG_FILL_OK
               : mg_fill_fault_of(reference, &value, scope, fault);
}

// A text outside paths; *absent when it is nothing but an optional value that is not there.
enum mg_fill mg_fill_text(const struct mg_template *template, struct mg_scope *scope,
                          struct mg_buf *out, bool *absent, struct mg_fill_fault *fault)
{
    *absent = false;
    for (unsigned i = 0; i < template->count; i++) {
        const struct mg_piece *piece = &template->pieces[i];
        struct mg_str text = piece->text;
        bool gone = false;
        if (!piece->literal) {
            enum mg_fill fill = mg_fill_value(&piece->reference, scope, &text, &gone, fault);
            if (fill != MG_FILL_OK)
                return fill;
        }
        *absent = *absent || gone;
        mg_buf_put(out, text);
    }
    return out->failed == MG_OK ? MG_FILL_OK : MG_FILL_MEMORY;
}
