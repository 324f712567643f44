// Paths: written segment by segment, so that what values make of one can be judged.
#include "plan/fill_parts.h"

#include "base/percent.h"

// A path is written segment by segment, so that what values make of one can be judged.
struct path_writer {
    struct mg_buf *out;
    size_t segment; // where the segment in progress begins
    bool filled;    // it holds a value
    bool query;     // behind the "?"
};

// Of the segment in progress, which ends at `end`.
static bool segment_sound(const struct path_writer *writer, size_t end)
{
    struct mg_str segment = mg_str_cut(mg_buf_str(writer->out), writer->segment, end);
    return writer->query || !writer->filled ||
           (segment.len && !mg_str_is(segment, ".") && !mg_str_is(segment, ".."));
}

static size_t segment_end(const struct path_writer *writer, struct mg_str text, size_t from)
{
    size_t end = writer->query ? text.len : from;
    while (end < text.len && text.data[end] != '/' && text.data[end] != '?')
        end++;
    return end;
}

static bool put_path_literal(struct path_writer *writer, struct mg_str text)
{
    size_t begin = writer->out->len;
    if (!mg_buf_put(writer->out, text))
        return true; // the buffer knows what is wrong
    for (size_t from = 0, end; (end = segment_end(writer, text, from)) < text.len; from = end + 1) {
        if (!segment_sound(writer, begin + end))
            return false;
        writer->query = text.data[end] == '?';
        writer->segment = begin + end + 1;
        writer->filled = false;
    }
    return true;
}

// A rest parameter keeps its slashes; its segments are judged one by one, an empty last one (a
// trailing slash) is allowed.
static bool put_path_rest(struct path_writer *writer, struct mg_str value)
{
    for (size_t from = 0; from <= value.len;) {
        size_t end = mg_str_find(value, '/', from);
        mg_percent_encode(writer->out, mg_str_cut(value, from, end));
        writer->filled = end < value.len || from < value.len;
        if (end < value.len && !put_path_literal(writer, MG_STR("/")))
            return false;
        from = end + 1;
    }
    return true;
}

static bool put_path_value(struct path_writer *writer, const struct mg_reference *reference,
                           struct mg_str value)
{
    if (reference->rest && !writer->query)
        return put_path_rest(writer, value);
    writer->filled = true;
    return mg_percent_encode(writer->out, value);
}

enum mg_fill mg_fill_path(const struct mg_template *path, struct mg_scope *scope,
                          struct mg_buf *out, struct mg_fill_fault *fault)
{
    struct path_writer writer = {.out = out, .segment = out->len};
    const struct mg_reference *last = NULL;
    bool sound = true;
    for (unsigned i = 0; sound && i < path->count; i++) {
        const struct mg_piece *piece = &path->pieces[i];
        if (piece->literal) {
            sound = put_path_literal(&writer, piece->text);
            continue;
        }
        struct mg_str text;
        bool absent;
        last = &piece->reference;
        enum mg_fill fill = mg_fill_value(last, scope, &text, &absent, fault);
        if (fill != MG_FILL_OK)
            return fill;
        sound = put_path_value(&writer, last, text);
    }
    if (out->failed != MG_OK)
        return MG_FILL_MEMORY;
    if (sound && segment_sound(&writer, out->len))
        return MG_FILL_OK;
    struct mg_value value = {.kind = MG_VALUE_TEXT};
    enum mg_fill fill = mg_fill_fault_of(last, &value, scope, fault);
    fault->why = "makes a path segment that is empty, \".\" or \"..\"";
    return fill;
}

enum mg_fill mg_fill_file_path(const struct mg_template *path, struct mg_scope *scope,
                               struct mg_buf *out, struct mg_fill_fault *fault)
{
    for (unsigned i = 0; i < path->count; i++) {
        const struct mg_piece *piece = &path->pieces[i];
        const struct mg_reference *reference = &piece->reference;
        struct mg_str text = piece->text;
        bool absent;
        enum mg_fill fill =
            piece->literal ? MG_FILL_OK : mg_fill_value(reference, scope, &text, &absent, fault);
        if (fill != MG_FILL_OK)
            return fill;
        if (!piece->literal && !reference->rest &&
            (!text.len || mg_str_is(text, ".") || mg_str_is(text, "..") ||
             mg_str_find(text, '/', 0) < text.len)) {
            struct mg_value value = {.kind = MG_VALUE_TEXT};
            fill = mg_fill_fault_of(reference, &value, scope, fault);
            fault->why = "makes a path segment that is empty, \".\", \"..\" or two";
            return fill;
        }
        mg_buf_put(out, text);
    }
    return out->failed == MG_OK ? MG_FILL_OK : MG_FILL_MEMORY;
}
