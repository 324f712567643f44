#include "cli/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/command.h"
#include "data/header_name.h"
#include "data/headers.h"
#include "json/scan.h"

enum { piece = 64 << 10 };

static int no_method(const char *word)
{
    const char *names[MG_METHOD_COUNT];
    char upper[16] = "";
    for (unsigned i = 0; i < MG_METHOD_COUNT; i++)
        names[i] = mg_method_word((enum mg_method)i);
    for (unsigned i = 0; i + 1 < sizeof upper && word[i]; i++)
        upper[i] = (char)(word[i] >= 'a' && word[i] <= 'z' ? word[i] - 'a' + 'A' : word[i]);
    if (word[0] == '/')
        return mg_command_wrong("call", "which method? write GET %s", word);
    const char *nearest = mg_str_nearest(mg_str_of(upper), names, MG_METHOD_COUNT);
    if (nearest)
        return mg_command_wrong("call", "no method \"%s\": did you mean \"%s\"?", word, nearest);
    return mg_command_wrong("call", "no method \"%s\": GET is one", word);
}

static int take_target(struct mg_ask *ask, const char *target)
{
    ask->target = mg_str_of(target);
    if (target[0] != '/')
        return mg_command_wrong("call", "a path begins with \"/\", such as /account/42: not \"%s\"",
                                target);
    for (const char *at = target; *at; at++)
        if ((unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7f || *at == '#')
            return mg_command_wrong("call", "a path holds no '%c': write %%%02X", *at,
                                    (unsigned)(unsigned char)*at);
    return 0;
}

static int take_word(struct mg_ask *ask, unsigned place, const char *word)
{
    switch (place) {
    case 0:
        ask->dir = word;
        return 0;
    case 1:
        return mg_method_of(mg_str_of(word), &ask->method) ? 0 : no_method(word);
    case 2:
        return take_target(ask, word);
    default:
        return mg_command_wrong("call", "one request at a time: \"%s\" is one too many", word);
    }
}

static void note_field(struct mg_ask *ask, enum mg_header_name name)
{
    ask->has_host |= name == MG_HEADER_HOST;
    ask->has_type |= name == MG_HEADER_CONTENT_TYPE;
    ask->has_agent |= name == MG_HEADER_USER_AGENT;
    ask->has_accept |= name == MG_HEADER_ACCEPT;
}

static int take_header(struct mg_ask *ask, const char *line)
{
    struct mg_str text = mg_str_of(line);
    size_t colon = mg_str_find(text, ':', 0);
    struct mg_str name = mg_str_cut(text, 0, colon), value = {0};
    if (colon < text.len)
        value = mg_str_trim(mg_str_cut(text, colon + 1, text.len));
    if (colon == text.len || !mg_headers_name_ok(name) || !mg_headers_value_ok(value))
        return mg_command_wrong("call", "a header is written \"Name: value\": not \"%s\"", line);
    enum mg_header_name known = mg_header_name_of(name);
    if (mg_header_name_of_connection(known) || known == MG_HEADER_CONTENT_LENGTH)
        return mg_command_wrong("call", "%.*s: what frames a request is not for -H to say",
                                (int)name.len, name.data);
    note_field(ask, known);
    mg_buf_put(&ask->fields, name);
    mg_buf_put(&ask->fields, MG_STR(": "));
    mg_buf_put(&ask->fields, value);
    mg_buf_put(&ask->fields, MG_STR("\r\n"));
    return 0;
}

static int read_file(struct mg_ask *ask, const char *path)
{
    bool input = strcmp(path, "-") == 0;
    int fd = input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0 && mg_buf_reserve(&ask->body, piece)) {
        n = read(fd, ask->body.data + ask->body.len, piece);
        ask->body.len += n > 0 ? (size_t)n : 0;
        n = n < 0 && errno == EINTR ? 1 : n;
    }
    int why = errno;
    if (fd >= 0 && !input)
        close(fd);
    return n == 0 ? 0 : mg_command_wrong("call", "-d @%s: %s", path, strerror(why));
}

// Several are joined as the fields of a form.
static int take_data(struct mg_ask *ask, const char *data)
{
    if (ask->has_body)
        mg_buf_put_char(&ask->body, '&');
    ask->has_body = true;
    if (data[0] == '@')
        return read_file(ask, data + 1);
    mg_buf_put(&ask->body, mg_str_of(data));
    return 0;
}

static int no_option(const char *option)
{
    static const char *const names[] = {"--json", "--header", "--data"};
    const char *nearest = mg_str_nearest(mg_str_of(option), names, sizeof names / sizeof *names);
    if (nearest)
        return mg_command_wrong("call", "no option \"%s\": did you mean \"%s\"?", option, nearest);
    return mg_command_wrong("call", "no option \"%s\"", option);
}

// "-H x", "-Hx", "--header x", "--header=x": the value, or NULL when it is none of these. *next: it
// is the word that follows.
static const char *value_of(const char *arg, char letter, const char *name, bool *next)
{
    size_t len = strlen(name);
    *next = false;
    if (arg[1] == letter && arg[2])
        return arg + 2;
    if (strncmp(arg, name, len) == 0 && arg[len] == '=')
        return arg + len + 1;
    *next = (arg[1] == letter && !arg[2]) || strcmp(arg, name) == 0;
    return *next ? arg : NULL;
}

static int take_option(struct mg_ask *ask, char **argv, int argc, int *i)
{
    const char *arg = argv[*i], *value;
    bool next, data;
    if (strcmp(arg, "--json") == 0) {
        ask->json = true;
        return 0;
    }
    value = value_of(arg, 'H', "--header", &next);
    data = !value;
    if (!value)
        value = value_of(arg, 'd', "--data", &next);
    if (!value)
        return no_option(arg);
    if (next && *i + 1 == argc)
        return mg_command_wrong("call", "%s wants a value", arg);
    if (next)
        value = argv[++*i];
    return data ? take_data(ask, value) : take_header(ask, value);
}

int mg_ask_read(struct mg_ask *ask, int argc, char **argv)
{
    static const char *const wanted[] = {
        "which gateway? a folder with a gateway.lua is wanted",
        "which method? GET, or another one",
        "which path? one such as /account/42",
    };
    unsigned words = 0;
    int wrong = 0;
    for (int i = 0; i < argc && !wrong; i++) {
        if (argv[i][0] == '-' && argv[i][1])
            wrong = take_option(ask, argv, argc, &i);
        else
            wrong = take_word(ask, words++, argv[i]);
    }
    if (wrong)
        return wrong;
    if (words < sizeof wanted / sizeof *wanted)
        return mg_command_wrong("call", "%s", wanted[words]);
    if (ask->has_body && (ask->method == MG_GET || ask->method == MG_HEAD))
        return mg_command_wrong("call", "a %s has no body: write POST, PUT or PATCH",
                                mg_method_word(ask->method));
    return ask->fields.failed || ask->body.failed ? mg_command_wrong("call", "out of memory") : 0;
}

void mg_ask_fini(struct mg_ask *ask)
{
    mg_buf_fini(&ask->fields);
    mg_buf_fini(&ask->body);
}

// A JSON object or list is sent as what it is, all else as a form.
static const char *type_of(struct mg_str body)
{
    if (mg_json_valid(body, MG_JSON_DEPTH_MOST, NULL)) {
        enum mg_json_type type = mg_json_type(mg_json_trim(body));
        if (type == MG_JSON_OBJECT || type == MG_JSON_ARRAY)
            return "application/json";
    }
    return "application/x-www-form-urlencoded";
}

bool mg_ask_write(const struct mg_ask *ask, struct mg_buf *out)
{
    mg_buf_printf(out, "%s %.*s HTTP/1.1\r\n", mg_method_word(ask->method), (int)ask->target.len,
                  ask->target.data);
    if (!ask->has_host)
        mg_buf_put(out, MG_STR("Host: localhost\r\n"));
    if (!ask->has_agent)
        mg_buf_put(out, MG_STR("User-Agent: moongate/" MG_VERSION "\r\n"));
    if (!ask->has_accept)
        mg_buf_put(out, MG_STR("Accept: */*\r\n"));
    mg_buf_put(out, mg_buf_str(&ask->fields));
    if (ask->has_body && !ask->has_type)
        mg_buf_printf(out, "Content-Type: %s\r\n", type_of(mg_buf_str(&ask->body)));
    if (ask->has_body)
        mg_buf_printf(out, "Content-Length: %zu\r\n", ask->body.len);
    mg_buf_put(out, MG_STR("\r\n"));
    return mg_buf_put(out, mg_buf_str(&ask->body));
}
