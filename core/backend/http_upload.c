#include "backend/http_upload.h"

#include <stdio.h>

void mg_http_upload_begin(struct mg_http_upload *upload, int64_t length)
{
    *upload =
        (struct mg_http_upload){.chunked = length < 0, .left = length < 0 ? 0 : (uint64_t)length};
    upload->over = length == 0;
}

static void put_text(struct mg_http_upload *upload, const char *before, size_t size)
{
    // The line that opens a chunk also ends the one before it; a chunk of 0 is the last.
    int len = snprintf(upload->text, sizeof upload->text, "%s%zx\r\n%s", before, size,
                       size ? "" : "\r\n");
    upload->text_at = 0;
    upload->text_len = (unsigned)len;
}

// Opens the next chunk, or closes the body.
static void open_chunk(struct mg_http_upload *upload, size_t there, bool ended)
{
    if (there == 0 && !ended)
        return;
    put_text(upload, upload->begun ? "\r\n" : "", there);
    upload->begun = true;
    upload->left = there;
    upload->over = there == 0;
}

unsigned mg_http_upload_parts(struct mg_http_upload *upload, struct mg_supply *supply,
                              struct mg_str *parts)
{
    unsigned count = 0;
    struct mg_str bytes = {0};
    if (!upload->over && supply)
        bytes = supply->look(supply);
    if (!upload->over && upload->chunked && upload->left == 0 &&
        upload->text_at == upload->text_len)
        open_chunk(upload, bytes.len, !supply || supply->ended);
    if (upload->text_at < upload->text_len)
        parts[count++] = mg_str_cut((struct mg_str){upload->text, upload->text_len},
                                    upload->text_at, upload->text_len);
    if (bytes.len > upload->left)
        bytes.len = (size_t)upload->left;
    if (bytes.len)
        parts[count++] = bytes;
    return count;
}

void mg_http_upload_sent(struct mg_http_upload *upload, struct mg_supply *supply, size_t len)
{
    size_t text = upload->text_len - upload->text_at;
    text = len < text ? len : text;
    upload->text_at += (unsigned)text;
    len -= text;
    if (!len)
        return;
    upload->left -= len;
    upload->over = upload->left == 0 && !upload->chunked;
    supply->took(supply, len);
}

bool mg_http_upload_over(const struct mg_http_upload *upload)
{
    return upload->over && upload->text_at == upload->text_len;
}
