#include "http/line.h"

// The number of bytes of `window` up to and with the line's LF, 0 when it does not end there, or
// SIZE_MAX when a byte may not be in a line.
static size_t scan(struct mg_line *line, struct mg_str window)
{
    size_t at = 0;
    if (!line->cr) {
        at = mg_str_clean(window);
        if (at == window.len)
            return 0;
        if (window.data[at++] != '\r')
            return SIZE_MAX;
        line->cr = true;
    }
    if (at == window.len)
        return 0;
    return window.data[at] == '\n' ? at + 1 : SIZE_MAX;
}

static void forget(struct mg_line *line)
{
    mg_buf_clear(&line->part);
    line->cr = line->taken = false;
}

enum mg_line_end mg_line_take(struct mg_line *line, struct mg_str *input, size_t most,
                              struct mg_str *text)
{
    if (line->taken)
        forget(line);
    size_t room = most > line->part.len ? most - line->part.len : 0;
    struct mg_str window = mg_str_cut(*input, 0, input->len < room ? input->len : room);
    size_t end = scan(line, window);
    if (end == SIZE_MAX)
        return MG_LINE_BAD;
    if (end != 0)
        window.len = end;
    *input = mg_str_cut(*input, window.len, input->len);
    if (end != 0 && line->part.len == 0) {
        line->cr = false;
        *text = mg_str_cut(window, 0, end - 2);
        return MG_LINE_WHOLE;
    }
    if (window.len > 0 && !mg_buf_put(&line->part, window))
        return MG_LINE_NO_MEMORY;
    *text = mg_buf_str(&line->part);
    if (end != 0) {
        text->len -= 2;
        line->taken = true;
        return MG_LINE_WHOLE;
    }
    return line->part.len >= most ? MG_LINE_LONG : MG_LINE_MORE;
}

bool mg_line_begun(const struct mg_line *line)
{
    return line->part.len > 0 && !line->taken;
}

void mg_line_fini(struct mg_line *line)
{
    mg_buf_fini(&line->part);
    line->cr = line->taken = false;
}
