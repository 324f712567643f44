#include "route/pattern.h"

#include "base/percent.h"

// Says what is wrong; the message shows the author's own text.
static bool wrong(struct mg_arena *arena, struct mg_str *error, const char *text,
                  struct mg_str what)
{
    *error = mg_arena_printf(arena, text, (int)(what.len < 200 ? what.len : 200),
                             what.len ? what.data : "");
    if (!error->data)
        *error = MG_STR("there is no memory left");
    return false;
}

static bool name_ok(struct mg_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = mg_lower(name.data[i]);
        bool letter = (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return name.len > 0;
}

// "{{" is a brace of the text, and so is the "}" that closes it.
static bool parse_text(struct mg_arena *arena, struct mg_str text, struct mg_str *plain,
                       struct mg_str *error)
{
    char *out = mg_arena_alloc(arena, text.len + 1);
    if (!out)
        return wrong(arena, error, "there is no memory left%.*s", MG_STR(""));
    size_t len = 0;
    unsigned open = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '{') {
            if (i + 1 == text.len || text.data[i + 1] != '{')
                return wrong(arena, error,
                             "the segment \"%.*s\" mixes text and a parameter; a parameter "
                             "is a whole segment (write {{ for a brace)",
                             text);
            i++;
            open++;
        } else if (c == '}' && open-- == 0) {
            return wrong(arena, error, "the segment \"%.*s\" has a } without a {", text);
        }
        out[len++] = c;
    }
    if (!mg_percent_decode((struct mg_str){out, len}, false, arena, plain))
        return wrong(arena, error,
                     "the segment \"%.*s\" has a broken percent escape; write %%25 for a "
                     "percent sign",
                     text);
    return true;
}

static bool is_parameter(struct mg_str text)
{
    return text.len > 0 && text.data[0] == '{' && !(text.len > 1 && text.data[1] == '{');
}

static bool parse_parameter(struct mg_arena *arena, struct mg_str text, struct mg_segment *segment,
                            struct mg_str *error)
{
    size_t close = mg_str_find(text, '}', 0);
    if (close == text.len)
        return wrong(arena, error, "the segment \"%.*s\" has a { without a }", text);
    if (close + 1 < text.len)
        return wrong(arena, error,
                     "the segment \"%.*s\" mixes text and a parameter; a parameter is a "
                     "whole segment (write {{ for a brace)",
                     text);
    struct mg_str name = mg_str_cut(text, 1, close);
    bool rest = name.len >= 3 && memcmp(name.data + name.len - 3, "...", 3) == 0;
    if (rest)
        name.len -= 3;
    if (name.len == 0)
        return wrong(arena, error, "the segment \"%.*s\" is a parameter without a name", text);
    if (!name_ok(name))
        return wrong(arena, error,
                     "\"%.*s\" is no name for a parameter: letters, digits and _ only, no "
                     "digit first",
                     name);
    segment->kind = rest ? MG_SEGMENT_REST : MG_SEGMENT_NAME;
    segment->text = mg_arena_copy(arena, name);
    return segment->text.data || wrong(arena, error, "there is no memory left%.*s", MG_STR(""));
}

static bool parse_segment(struct mg_arena *arena, struct mg_str text, struct mg_segment *segment,
                          struct mg_str *error)
{
    if (is_parameter(text))
        return parse_parameter(arena, text, segment, error);
    segment->kind = MG_SEGMENT_TEXT;
    return parse_text(arena, text, &segment->text, error);
}

// Cuts `text` at every `mark` and parses each piece.
static bool parse_segments(struct mg_arena *arena, struct mg_str text, char mark,
                           struct mg_pattern *pattern, struct mg_str *error)
{
    unsigned count = 1;
    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == mark;
    if (count > MG_PATTERN_SEGMENTS_MOST)
        return wrong(arena, error, "\"%.*s\" has more than 64 segments", text);
    pattern->segments = mg_arena_zero(arena, count, sizeof *pattern->segments);
    if (!pattern->segments)
        return wrong(arena, error, "there is no memory left%.*s", MG_STR(""));
    for (size_t from = 0; pattern->count < count; pattern->count++) {
        size_t to = mg_str_find(text, mark, from);
        if (!parse_segment(arena, mg_str_cut(text, from, to), &pattern->segments[pattern->count],
                           error))
            return false;
        from = to + 1;
    }
    return true;
}

bool mg_pattern_path(struct mg_arena *arena, struct mg_str path, struct mg_pattern *pattern,
                     struct mg_str *error)
{
    *pattern = (struct mg_pattern){0};
    if (path.len == 0 || path.data[0] != '/')
        return wrong(arena, error, "the path \"%.*s\" does not start with /", path);
    for (size_t i = 0; i < path.len; i++)
        if (path.data[i] == '?' || path.data[i] == '#' || (unsigned char)path.data[i] < 0x20)
            return wrong(arena, error,
                         "the path \"%.*s\" holds a ?, a # or a control character; a "
                         "pattern is the path alone",
                         path);
    if (!parse_segments(arena, mg_str_cut(path, 1, path.len), '/', pattern, error))
        return false;
    for (unsigned i = 0; i + 1 < pattern->count; i++) {
        struct mg_segment *segment = &pattern->segments[i];
        if (segment->kind == MG_SEGMENT_REST)
            return wrong(arena, error, "\"%.*s...\" is not the last segment", segment->text);
        if (segment->kind == MG_SEGMENT_TEXT && segment->text.len == 0)
            return wrong(arena, error, "the path \"%.*s\" has an empty segment", path);
    }
    return true;
}

// A label of a host name (RFC 952 with the "_" that is met in practice), lowered in place.
static bool lower_label(struct mg_segment *segment)
{
    char *label = (char *)segment->text.data;
    for (size_t i = 0; i < segment->text.len; i++) {
        char c = label[i] = mg_lower(label[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
            return false;
    }
    return segment->text.len > 0;
}

bool mg_pattern_host(struct mg_arena *arena, struct mg_str host, struct mg_pattern *pattern,
                     struct mg_str *error)
{
    *pattern = (struct mg_pattern){0};
    if (host.len == 0)
        return true;
    for (size_t at = mg_str_find(host, '.', 0); at + 2 < host.len;
         at = mg_str_find(host, '.', at + 1))
        if (host.data[at + 1] == '.' && host.data[at + 2] == '.')
            return wrong(arena, error, "the host \"%.*s\" cannot have a {rest...}", host);
    if (!parse_segments(arena, host, '.', pattern, error))
        return false;
    for (unsigned i = 0; i < pattern->count; i++)
        if (pattern->segments[i].kind == MG_SEGMENT_TEXT && !lower_label(&pattern->segments[i]))
            return wrong(arena, error,
                         "\"%.*s\" is no host: names of letters, digits and - with dots "
                         "between them, no port",
                         host);
    for (unsigned i = 0; i < pattern->count / 2; i++) {
        struct mg_segment first = pattern->segments[i];
        pattern->segments[i] = pattern->segments[pattern->count - 1 - i];
        pattern->segments[pattern->count - 1 - i] = first;
    }
    return true;
}

static bool add_name(const struct mg_segment *segment, struct mg_str *names, unsigned *count,
                     unsigned most, struct mg_arena *arena, struct mg_str *error)
{
    if (segment->kind == MG_SEGMENT_TEXT)
        return true;
    for (unsigned i = 0; i < *count; i++)
        if (mg_str_eq(names[i], segment->text))
            return wrong(arena, error, "the parameter \"%.*s\" comes twice", segment->text);
    if (*count == most) {
        *error = mg_arena_printf(arena, "there are more than %u parameters", most);
        return false;
    }
    names[(*count)++] = segment->text;
    return true;
}

int mg_pattern_names(struct mg_arena *arena, const struct mg_pattern *host,
                     const struct mg_pattern *path, struct mg_str *names, unsigned most,
                     struct mg_str *error)
{
    unsigned count = 0;
    for (unsigned i = host->count; i-- > 0;)
        if (!add_name(&host->segments[i], names, &count, most, arena, error))
            return -1;
    for (unsigned i = 0; i < path->count; i++)
        if (!add_name(&path->segments[i], names, &count, most, arena, error))
            return -1;
    return (int)count;
}
