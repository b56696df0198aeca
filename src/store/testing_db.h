/* What tests of state.db share.  Only test_*.c includes it. */
#ifndef STORE_TESTING_DB_H
#define STORE_TESTING_DB_H

#include <string.h>

#include "store/db.h"
#include "store/testing.h"

static inline struct db *
open_db(void **state)
{
	struct err e = ERR_INIT;
	struct db *d = db_open(*(int *)*state, &e);

	if (d == NULL)
		fail_msg("%s", e.msg);
	return d;
}

static inline void
set_reference(struct db *d, const char *name, uint32_t n)
{
	struct db_reference r = { name, digest_number(n), 1000 + n };
	struct err e;

	OK(db_set_reference(d, &r, &e));
}

struct seen {
	struct db *db;
	char names[200];
	int n, stop_at;
};

static inline int
note_name(struct seen *s, const char *name)
{
	strcat(strcat(s->names, name), " ");
	return ++s->n == s->stop_at ? 42 : 0;
}

static inline int
count_image(void *ctx, const struct db_image *i)
{
	assert_true(i->last_used_s > 0);
	assert_string_equal(i->label, "host/a:b");
	++*(int *)ctx;
	return 0;
}

static inline void
set_image(struct db *d, const struct digest *manifest,
    const struct digest *layers, unsigned n, const struct digest *chain_ids)
{
	struct db_image i = { .manifest = *manifest,
		.label = "host/a:b",
		.layers = layers,
		.n_layers = n,
		.chain_ids = chain_ids };
	struct err e;

	OK(db_set_image(d, &i, &e));
}

static inline int
note_unwanted(void *ctx, const struct digest *manifest)
{
	*(struct digest *)ctx = *manifest;
	return 42;
}

static inline int
note_mount(void *ctx, const struct db_mount *m)
{
	assert_string_equal(m->options, "{}");
	assert_string_equal(m->target, "/mnt");
	return note_name(ctx, m->id);
}

#endif
