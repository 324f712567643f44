#include "cli/client.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { header_most = 1 << 20, room = 64 << 10 };

// What is not taken now is left. When the other side takes no more, nothing is: it has answered.
static void send_some(int fd, struct mg_str *request)
{
    ssize_t n = send(fd, request->data, request->len, MSG_NOSIGNAL);
    if (n > 0)
        *request = mg_str_cut(*request, (size_t)n, request->len);
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        request->len = 0;
}

// False: the answer has come to its end, of one kind or another.
static bool feed(struct mg_response_parser *parser, struct mg_str input,
                 const struct mg_client *client, const char **why)
{
    struct mg_response response;
    for (;;) {
        switch (mg_response_parser_feed(parser, &input, &response)) {
        case MG_PARSE_HEAD:
            client->head(client->owner, &response);
            break;
        case MG_PARSE_DATA:
            client->data(client->owner, response.data);
            break;
        case MG_PARSE_MORE:
            return true;
        case MG_PARSE_COMPLETE:
            return false;
        case MG_PARSE_REFUSED:
            mg_response_parser_error(parser, why);
            return false;
        }
    }
}

// As far as it has come. False: it goes no further.
static bool read_some(int fd, struct mg_response_parser *parser, const struct mg_client *client,
                      const char **why)
{
    char bytes[room];
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n > 0)
        return feed(parser, (struct mg_str){bytes, (size_t)n}, client, why);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n < 0 || !mg_response_parser_finish(parser))
        *why = "the connection ended before the answer did";
    return false;
}

const char *mg_client_ask(int fd, struct mg_str request, bool to_head,
                          const struct mg_client *client)
{
    struct mg_response_parser *parser = mg_response_parser_new();
    const char *why = NULL;
    if (!parser)
        return "out of memory";
    mg_response_parser_begin(parser, to_head, header_most);
    for (bool more = true; more;) {
        struct pollfd ready = {fd, (short)(POLLIN | (request.len ? POLLOUT : 0)), 0};
        if (poll(&ready, 1, -1) < 0 && errno != EINTR) {
            why = "the connection cannot be waited for";
            break;
        }
        if (request.len && (ready.revents & POLLOUT))
            send_some(fd, &request);
        if (ready.revents & (POLLIN | POLLHUP | POLLERR))
            more = read_some(fd, parser, client, &why);
    }
    mg_response_parser_free(parser);
    return why;
}
