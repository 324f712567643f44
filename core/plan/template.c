#include "plan/template.h"

static void put_literal(struct mg_template *template, struct mg_str text)
{
    if (text.len)
        template->pieces[template->count++] = (struct mg_piece){.literal = true, .text = text};
}

static bool check_lists(const struct mg_template *template, struct mg_str text,
                        struct mg_arena *arena, struct mg_str *error)
{
    for (unsigned i = 0; template->count > 1 && i < template->count; i++) {
        if (template->pieces[i].literal || !template->pieces[i].reference.list)
            continue;
        *error = mg_arena_printf(arena, MG_TEMPLATE_NO_TEXT, (int)text.len, text.data);
        return false;
    }
    return true;
}

bool mg_template_parse(struct mg_template *template, struct mg_str text,
                       const struct mg_names *names, struct mg_arena *arena, struct mg_str *error)
{
    size_t braces = 0;
    for (size_t i = 0; i < text.len; i++)
        braces += text.data[i] == '{';
    *template =
        (struct mg_template){mg_arena_zero(arena, 2 * braces + 1, sizeof(struct mg_piece)), 0};
    if (!template->pieces) {
        *error = MG_STR("out of memory");
        return false;
    }
    size_t from = 0; // of the literal in progress
    for (size_t at = 0; (at = mg_str_find(text, '{', at)) < text.len;) {
        if (at + 1 < text.len && text.data[at + 1] == '{') { // {{ writes one brace
            put_literal(template, mg_str_cut(text, from, at + 1));
            from = at += 2;
            continue;
        }
        size_t end = mg_str_find(text, '}', at);
        if (end == text.len) {
            *error =
                mg_arena_printf(arena, "%.*s: a placeholder without its \"}\"; {{ writes a brace",
                                (int)(text.len - at), text.data + at);
            return false;
        }
        put_literal(template, mg_str_cut(text, from, at));
        struct mg_piece *piece = &template->pieces[template->count++];
        if (!mg_reference_parse(&piece->reference, mg_str_cut(text, at + 1, end), names, arena,
                                error))
            return false;
        from = at = end + 1;
    }
    put_literal(template, mg_str_cut(text, from, text.len));
    return check_lists(template, text, arena, error);
}
