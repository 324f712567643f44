#include "plan/reference.h"

#include "plan/input.h"

static const char *const request_roots[] = {"query", "headers", "cookies",
                                            "body",  "context", "each"};
static const char *const later_roots[] = {"claims", "args"};

bool mg_reference_reserved(struct mg_str word)
{
    for (size_t i = 0; i < sizeof request_roots / sizeof *request_roots; i++)
        if (mg_str_is(word, request_roots[i]))
            return true;
    for (size_t i = 0; i < sizeof later_roots / sizeof *later_roots; i++)
        if (mg_str_is(word, later_roots[i]))
            return true;
    return false;
}

static bool say(struct mg_arena *arena, struct mg_str *error, struct mg_str text, const char *why,
                const char *nearest)
{
    *error = nearest ? mg_arena_printf(arena, "{%.*s}: %s: did you mean \"%s\"?", (int)text.len,
                                       text.data, why, nearest)
                     : mg_arena_printf(arena, "{%.*s}: %s", (int)text.len, text.data, why);
    return false;
}

static size_t name_end(struct mg_str text, size_t from)
{
    while (from < text.len && text.data[from] != '.' && text.data[from] != '[')
        from++;
    return from;
}

// Parses ".a.b[1].c" from `at` on.
static const char *parse_steps(struct mg_reference *reference, struct mg_str text, size_t at,
                               struct mg_arena *arena)
{
    size_t most = 0;
    for (size_t i = at; i < text.len; i++)
        most += text.data[i] == '.' || text.data[i] == '[';
    reference->steps = mg_arena_zero(arena, most + 1, sizeof *reference->steps);
    if (!reference->steps)
        return "out of memory";
    while (at < text.len) {
        struct mg_json_step *step = &reference->steps[reference->step_count++];
        if (text.data[at] == '.') {
            size_t end = name_end(text, at + 1);
            if (end == at + 1)
                return "a name is missing behind the dot";
            *step = (struct mg_json_step){MG_JSON_KEY, mg_str_cut(text, at + 1, end), 0};
            at = end;
            continue;
        }
        size_t end = mg_str_find(text, ']', at);
        uint64_t index;
        if (end == at + 1 && end < text.len) {
            *step = (struct mg_json_step){.kind = MG_JSON_EACH};
            reference->list = true;
        } else if (end == text.len || !mg_str_uint(mg_str_cut(text, at + 1, end), &index) ||
                   index == 0) {
            return "an index is a whole number from 1 on, as in items[1]; [] is every element";
        } else {
            *step = (struct mg_json_step){MG_JSON_INDEX, {0}, index};
        }
        at = end + 1;
        if (at < text.len && text.data[at] != '.' && text.data[at] != '[')
            return "behind an index comes \".name\" or \"[1]\"";
    }
    return NULL;
}

// {query.page}, {headers.x-user}, {cookies.sid}: one name behind the root.
static const char *parse_named(struct mg_reference *reference, enum mg_root root,
                               struct mg_str text, size_t dot)
{
    reference->root = root;
    if (dot >= text.len || text.data[dot] != '.' || dot + 1 == text.len)
        return "say which one, as in {query.page}";
    reference->name = mg_str_cut(text, dot + 1, text.len);
    for (size_t i = 0; i < reference->name.len; i++)
        if (reference->name.data[i] == '[')
            return "a field is a text: it has no elements";
    return NULL;
}

static const char *parse_result(struct mg_reference *reference, struct mg_str text, size_t dot,
                                struct mg_arena *arena, const char **nearest)
{
    static const char *const parts[] = {"body", "status", "headers"};
    if (dot >= text.len || text.data[dot] != '.')
        return "say what of the result: .body, .status or .headers.name";
    size_t end = name_end(text, dot + 1);
    struct mg_str part = mg_str_cut(text, dot + 1, end);
    if (mg_str_is(part, "body")) {
        reference->root = MG_ROOT_RESULT_BODY;
        return parse_steps(reference, text, end, arena);
    }
    if (mg_str_is(part, "headers"))
        return parse_named(reference, MG_ROOT_RESULT_HEADER, text, end);
    if (mg_str_is(part, "status") && end == text.len) {
        reference->root = MG_ROOT_RESULT_STATUS;
        return NULL;
    }
    *nearest = mg_str_nearest(part, parts, 3);
    return "a result has body, status and headers";
}

static const char *unknown(struct mg_str root, const struct mg_names *names, struct mg_arena *arena,
                           const char **nearest)
{
    size_t fixed = sizeof request_roots / sizeof *request_roots;
    size_t count = 0;
    const char **all =
        mg_arena_zero(arena, names->param_count + names->call_count + fixed, sizeof *all);
    if (!all)
        return "out of memory";
    for (unsigned i = 0; i < names->param_count; i++)
        all[count++] = mg_arena_copy(arena, names->params[i]).data;
    for (unsigned i = 0; i < names->call_count; i++)
        all[count++] = mg_arena_copy(arena, names->calls[i]).data;
    for (size_t i = 0; i < fixed; i++)
        all[count++] = request_roots[i];
    *nearest = mg_str_nearest(root, all, count);
    return "no path parameter, call or part of the request has this name";
}

static const char *parse_root(struct mg_reference *reference, struct mg_str root,
                              struct mg_str text, const struct mg_names *names,
                              struct mg_arena *arena)
{
    if (mg_str_is(root, "context") && !names->context)
        return "only a route with a function before has it";
    if (mg_str_is(root, "query"))
        return parse_named(reference, MG_ROOT_QUERY, text, root.len);
    if (mg_str_is(root, "headers"))
        return parse_named(reference, MG_ROOT_HEADER, text, root.len);
    if (mg_str_is(root, "cookies"))
        return parse_named(reference, MG_ROOT_COOKIE, text, root.len);
    if (mg_str_is(root, "each") && !names->each)
        return "it stands for an element, in the call that gate.each is given";
    reference->root = mg_str_is(root, "each")   ? MG_ROOT_EACH
                      : mg_str_is(root, "body") ? MG_ROOT_BODY
                                                : MG_ROOT_CONTEXT;
    if (reference->root == MG_ROOT_CONTEXT)
        *names->context = true;
    reference->name = reference->root == MG_ROOT_EACH ? root : (struct mg_str){0};
    return parse_steps(reference, text, root.len, arena);
}

// A path parameter or a call of the route. False: `root` names neither.
static bool find_own(struct mg_reference *reference, struct mg_str root,
                     const struct mg_names *names, bool *call)
{
    for (unsigned i = 0; i < names->param_count; i++) {
        if (mg_str_eq(root, names->params[i])) {
            *reference = (struct mg_reference){.root = MG_ROOT_PARAM, .index = i, .name = root};
            reference->rest = names->rest && i + 1 == names->param_count;
            *call = false;
            return true;
        }
    }
    for (unsigned i = 0; i < names->call_count; i++) {
        if (mg_str_eq(root, names->calls[i])) {
            *reference = (struct mg_reference){.index = i, .name = root};
            *call = true;
            return true;
        }
    }
    return false;
}

bool mg_reference_parse(struct mg_reference *reference, struct mg_str text,
                        const struct mg_names *names, struct mg_arena *arena, struct mg_str *error)
{
    struct mg_str root = mg_str_cut(text, 0, name_end(text, 0));
    const char *nearest = NULL, *why = NULL;
    bool call = false;
    *reference = (struct mg_reference){.input = -1};
    if (root.len == 0)
        return say(arena, error, text, "a placeholder needs a name; {{ writes a brace", NULL);
    if (names->local) {
        *reference = (struct mg_reference){.root = MG_ROOT_LOCAL, .name = text, .input = -1};
        return true;
    }
    for (size_t i = 0; i < sizeof later_roots / sizeof *later_roots; i++)
        if (mg_str_is(root, later_roots[i]))
            return say(arena, error, text, "not yet", NULL);

    if (mg_reference_reserved(root))
        why = parse_root(reference, root, text, names, arena);
    else if (!find_own(reference, root, names, &call))
        why = unknown(root, names, arena, &nearest);
    else if (call)
        why = parse_result(reference, text, root.len, arena, &nearest);
    else if (root.len != text.len)
        why = "a path parameter is a text: it has no parts";
    if (why)
        return say(arena, error, text, why, nearest);
    reference->input = mg_input_find(names->input, reference);
    return true;
}
