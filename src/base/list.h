/* An intrusive doubly linked list.  A list head and its links are the same
 * struct; an empty list points at itself, so links can be removed without
 * knowing their list.  No locking. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))

struct list {
	struct list *next;
	struct list *prev;
};

static inline void
list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool
list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void
list_insert_before(struct list *at, struct list *link)
{
	link->prev = at->prev;
	link->next = at;
	at->prev->next = link;
	at->prev = link;
}

static inline void
list_push_back(struct list *head, struct list *link)
{
	list_insert_before(head, link);
}

static inline void
list_push_front(struct list *head, struct list *link)
{
	list_insert_before(head->next, link);
}

/* The link is initialised again, so removing it twice is harmless. */
static inline void
list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

/* The first link, taken out; NULL when empty. */
static inline struct list *
list_pop_front(struct list *head)
{
	struct list *l = head->next;

	if (l == head)
		return NULL;
	list_remove(l);
	return l;
}

/* Every link of `from`, in order, becomes `to`, which need not be initialised;
 * `from` is empty then. */
static inline void
list_take_all(struct list *to, struct list *from)
{
	list_insert_before(from, to);
	list_remove(from);
}

#define list_for_each(pos, head) \
	for (struct list *pos = (head)->next; pos != (head); pos = pos->next)

/* The body may remove `pos`. */
#define list_for_each_safe(pos, head)                             \
	for (struct list *pos = (head)->next, *next_ = pos->next; \
	     pos != (head); pos = next_, next_ = pos->next)

#define list_entry(link, type, member) container_of(link, type, member)

#endif
