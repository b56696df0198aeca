#include "fetch/fresh.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "store/store.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/log.h"

enum { FIRST_PLACES = 64 };

struct place {
	uint64_t off, len;
};

void
fresh_init(struct fresh *p, struct store *store)
{
	*p = (struct fresh){ .store = store };
}

void
fresh_keep(struct fresh *p)
{
	p->n = 0;
}

void
fresh_release(struct fresh *p)
{
	struct err e = ERR_INIT;

	for (size_t i = 0; i < p->n; i++)
		if (store_free_range(p->store, p->at[i].off, p->at[i].len, &e) <
		    0)
			log_warn("giving places of a layer back: %s", e.msg);
	free(p->at);
}

static int
remember(struct fresh *p, uint64_t off, uint64_t len, struct err *e)
{
	struct place *last = p->n > 0 ? &p->at[p->n - 1] : NULL;

	if (last != NULL && last->off + last->len == off) {
		last->len += len;
		return 0;
	}
	if (p->n == p->max) {
		size_t max = p->max > 0 ? 2 * p->max : FIRST_PLACES;
		struct place *more = reallocarray(p->at, max, sizeof *more);

		if (more == NULL)
			return err_set(e, ENOMEM, "places of a layer");
		p->at = more;
		p->max = max;
	}
	p->at[p->n++] = (struct place){ off, len };
	return 0;
}

int
fresh_take(struct fresh *p, uint64_t size, uint64_t *off, struct err *e)
{
	uint64_t len = align_up(size, STORE_BLOCK);
	struct err ignored = ERR_INIT;

	if (store_allocate(p->store, size, off, e) < 0)
		return -1;
	if (remember(p, *off, len, e) == 0)
		return 0;
	store_free_range(p->store, *off, len, &ignored);
	return -1;
}

int
fresh_give_back(struct fresh *p, uint64_t off, uint64_t size, struct err *e)
{
	struct place *last = &p->at[p->n - 1];
	uint64_t len = align_up(size, STORE_BLOCK);

	assert(last->off + last->len == off + len);
	last->len -= len;
	if (last->len == 0)
		p->n--;
	return store_free_range(p->store, off, len, e);
}
