// What the connections of one worker share, and their end.
#include "net/conn_inner.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "net/listener.h"

enum { head_most = 64 * 1024 };

enum mg_status mg_net_init(struct mg_net *net)
{
    mg_list_init(&net->conns);
    mg_list_init(&net->listeners);
    mg_list_init(&net->replies);
    net->draining = false;
    net->date_at = -1;
    mg_buf_init(&net->head, head_most);
    net->blocks = (struct mg_arena_store){.most = MG_NET_BLOCKS};
    net->scratch = malloc(MG_NET_SCRATCH);
    return net->scratch ? MG_OK : MG_NO_MEMORY;
}

void mg_net_fini(struct mg_net *net)
{
    assert(mg_net_idle(net) && mg_list_empty(&net->listeners));
    mg_buf_fini(&net->head);
    mg_arena_store_fini(&net->blocks);
    free(net->scratch);
    net->scratch = NULL;
}

bool mg_net_take(struct mg_net *net)
{
    if (atomic_fetch_add(net->connections, 1) < net->limits->connections)
        return true;
    atomic_fetch_sub(net->connections, 1);
    return false;
}

void mg_net_give(struct mg_net *net)
{
    atomic_fetch_sub(net->connections, 1);
    mg_listener_resume(net);
}

uint64_t mg_net_accept_wait(const struct mg_net *net)
{
    return net->accept_turn + 1 >= net->loop->rounds ? net->accept_ms : 0;
}

struct mg_str mg_net_date(struct mg_net *net)
{
    int64_t now = time(NULL);
    if (now != net->date_at) {
        mg_date_write(now, net->date);
        net->date_at = now;
    }
    return (struct mg_str){net->date, sizeof net->date - 1};
}

void mg_net_drain(struct mg_net *net)
{
    net->draining = true;
    for (struct mg_list *node = net->conns.next; node != &net->conns; node = node->next) {
        struct mg_conn *conn = MG_OWNER(node, struct mg_conn, node);
        if (conn->state == MG_CONN_IDLE)
            mg_conn_retire(conn);
    }
}

bool mg_net_idle(const struct mg_net *net)
{
    return mg_list_empty(&net->conns);
}

void mg_net_abort(struct mg_net *net)
{
    net->draining = true;
    for (struct mg_list *node = net->conns.next; node != &net->conns; node = node->next) {
        struct mg_conn *conn = MG_OWNER(node, struct mg_conn, node);
        if (conn->state != MG_CONN_CLOSED)
            mg_conn_cut(conn, false);
    }
}
