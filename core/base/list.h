// An intrusive doubly linked ring: a head is a node that belongs to no thing. A node belongs to
// one list at a time; mg_list_drop on a node that is in none (all-zeroes, or dropped) does nothing.
#ifndef MG_BASE_LIST_H
#define MG_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct mg_list {
    struct mg_list *prev, *next;
};

// The thing of `type` whose member `member` is `node`.
#define MG_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void mg_list_init(struct mg_list *head)
{
    head->prev = head->next = head;
}

static inline bool mg_list_empty(const struct mg_list *head)
{
    return head->next == head || head->next == NULL;
}

static inline bool mg_list_in(const struct mg_list *node)
{
    return node->next != NULL;
}

static inline void mg_list_push(struct mg_list *head, struct mg_list *node) // at the back
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void mg_list_drop(struct mg_list *node)
{
    if (!node->next)
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
}

static inline struct mg_list *mg_list_pop(struct mg_list *head) // from the front; NULL when empty
{
    struct mg_list *node = mg_list_empty(head) ? NULL : head->next;
    if (node)
        mg_list_drop(node);
    return node;
}

#endif
