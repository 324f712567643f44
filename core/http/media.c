#include "http/media.h"

#include <stdlib.h>

#define MG_TEXT "; charset=utf-8"

enum { extension_most = 15 };

// In byte order of the extensions (IANA's names of types, RFC 9239 for JavaScript).
static const struct entry {
    const char *extension, *type;
} table[] = {
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"apng", "image/apng"},
    {"atom", "application/atom+xml"},
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"bz2", "application/x-bzip2"},
    {"cjs", "text/javascript" MG_TEXT},
    {"css", "text/css" MG_TEXT},
    {"csv", "text/csv" MG_TEXT},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"geojson", "application/geo+json"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html" MG_TEXT},
    {"html", "text/html" MG_TEXT},
    {"ico", "image/vnd.microsoft.icon"},
    {"ics", "text/calendar" MG_TEXT},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript" MG_TEXT},
    {"json", "application/json"},
    {"jsonl", "application/jsonl"},
    {"jsonld", "application/ld+json"},
    {"jxl", "image/jxl"},
    {"m4a", "audio/mp4"},
    {"map", "application/json"},
    {"md", "text/markdown" MG_TEXT},
    {"mjs", "text/javascript" MG_TEXT},
    {"mkv", "video/matroska"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpeg", "video/mpeg"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/ogg"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"rss", "application/rss+xml"},
    {"rtf", "application/rtf"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"toml", "application/toml"},
    {"tsv", "text/tab-separated-values" MG_TEXT},
    {"ttf", "font/ttf"},
    {"txt", "text/plain" MG_TEXT},
    {"vtt", "text/vtt" MG_TEXT},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml"},
    {"xz", "application/x-xz"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

// What follows the last dot of the last segment. A dot that begins a name hides it and ends none.
static struct mg_str extension_of(struct mg_str path)
{
    for (size_t i = path.len; i > 1 && path.data[i - 1] != '/'; i--)
        if (path.data[i - 1] == '.')
            return path.data[i - 2] == '/' ? (struct mg_str){0} : mg_str_cut(path, i, path.len);
    return (struct mg_str){0};
}

static int by_extension(const void *key, const void *entry)
{
    return strcmp(key, ((const struct entry *)entry)->extension);
}

struct mg_str mg_media_type(struct mg_str path)
{
    char key[extension_most + 1] = "";
    struct mg_str extension = extension_of(path);
    const struct entry *entry = NULL;
    if (extension.len > 0 && extension.len <= extension_most) {
        for (size_t i = 0; i < extension.len; i++)
            key[i] = mg_lower(extension.data[i]);
        entry = bsearch(key, table, sizeof table / sizeof *table, sizeof *table, by_extension);
    }
    bool known = entry && strlen(entry->extension) == extension.len; // a NUL ends the key only
    return known ? mg_str_of(entry->type) : MG_STR("application/octet-stream");
}
