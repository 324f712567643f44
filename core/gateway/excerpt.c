#include "gateway/excerpt.h"

enum { line_most = 400 };

struct mg_str mg_excerpt_cut(struct mg_str line)
{
    if (line.len <= line_most)
        return line;
    size_t len = line_most;
    while (len > line_most - 4 && ((unsigned char)line.data[len] & 0xC0) == 0x80)
        len--; // not within a character
    return mg_str_cut(line, 0, len);
}

struct mg_excerpt mg_excerpt_of(struct mg_str text, int line)
{
    struct mg_excerpt excerpt = {.first = line > MG_EXCERPT_AROUND ? line - MG_EXCERPT_AROUND : 1};
    bool found = false;
    size_t from = 0;
    for (int number = 1; from < text.len && number <= line + MG_EXCERPT_AROUND; number++) {
        size_t end = mg_str_find(text, '\n', from);
        bool crlf = end > from && text.data[end - 1] == '\r';
        if (number >= excerpt.first)
            excerpt.lines[excerpt.count++] = mg_str_cut(text, from, end - crlf);
        found = found || number == line;
        from = end + 1;
    }
    if (!found)
        excerpt.count = 0;
    return excerpt;
}
