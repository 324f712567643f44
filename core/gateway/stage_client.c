#include "gateway/stage_client.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { head_most = 1 << 20 };

struct mg_stage_client *mg_stage_client_new(struct mg_str bytes, int *fd)
{
    struct mg_stage_client *client = calloc(1, sizeof *client);
    int ends[2] = {-1, -1};
    if (!client)
        return NULL;
    client->in = mg_response_parser_new();
    bool made = client->in && mg_buf_put(&client->out, bytes) &&
                socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0;
    client->fd = ends[0];
    if (!made) {
        mg_stage_client_free(client);
        return NULL;
    }
    mg_response_parser_begin(client->in, mg_str_starts(bytes, MG_STR("HEAD ")), head_most);
    *fd = ends[1];
    return client;
}

void mg_stage_client_close(struct mg_stage_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

void mg_stage_client_free(struct mg_stage_client *client)
{
    mg_stage_client_close(client);
    mg_list_drop(&client->node);
    mg_response_parser_free(client->in);
    mg_arena_fini(&client->arena);
    mg_buf_fini(&client->out);
    mg_buf_fini(&client->body);
    free(client);
}

static bool write_some(struct mg_stage_client *client)
{
    struct mg_str left = mg_str_cut(mg_buf_str(&client->out), client->sent, client->out.len);
    ssize_t n = left.len ? send(client->fd, left.data, left.len, MSG_NOSIGNAL) : 0;
    client->sent += n > 0 ? (size_t)n : 0;
    return n > 0;
}

static void keep_head(struct mg_stage_client *client, const struct mg_response *response)
{
    client->status = response->status;
    for (unsigned i = 0; i < response->count; i++)
        mg_headers_add(&client->headers, &client->arena,
                       mg_arena_copy(&client->arena, response->fields[i].name),
                       mg_arena_copy(&client->arena, response->fields[i].value));
}

// True: the reply is whole, or no reply.
static bool parse(struct mg_stage_client *client, struct mg_str bytes, bool *whole)
{
    struct mg_response response;
    for (;;) {
        switch (mg_response_parser_feed(client->in, &bytes, &response)) {
        case MG_PARSE_HEAD:
            keep_head(client, &response);
            break;
        case MG_PARSE_DATA:
            mg_buf_put(&client->body, response.data);
            break;
        case MG_PARSE_MORE:
            return false;
        case MG_PARSE_COMPLETE:
            *whole = true;
            return true;
        default:
            return true;
        }
    }
}

bool mg_stage_client_go_on(struct mg_stage_client *client, bool *over, bool *whole)
{
    char bytes[16 * 1024];
    *over = *whole = false;
    if (client->fd < 0)
        return false;
    bool wrote = write_some(client);
    ssize_t n = client->in ? recv(client->fd, bytes, sizeof bytes, 0) : -1;
    if (n > 0)
        *over = parse(client, (struct mg_str){bytes, (size_t)n}, whole);
    if (n == 0) {
        *over = true;
        *whole = client->status && mg_response_parser_finish(client->in);
    }
    if (*over) {
        mg_response_parser_free(client->in);
        client->in = NULL;
    }
    return wrote || n >= 0;
}
