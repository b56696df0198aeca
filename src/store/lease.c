#include "store/lease.h"

#include "store/store_private.h"

void
store_lease(struct store *s, struct lease *l, uint64_t data_off, uint64_t len)
{
	struct range r = range_of_bytes(data_off, len);
	LOCK_SCOPE(&s->present.lock);

	l->first = r.first;
	l->end = r.end;
	list_push_back(&s->present.leases, &l->link);
}

void
store_unlease(struct store *s, struct lease *l)
{
	LOCK_SCOPE(&s->present.lock);

	list_remove(&l->link);
}
