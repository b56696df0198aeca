#include "layer/audits.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "layer/audit.h"
#include "layer/catalog.h"
#include "layer/distrust.h"
#include "layer/files.h"
#include "layer/layer.h"
#include "layer/look.h"
#include "layer/notes.h"
#include "fetch/fetch.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/thread.h"

#define LOOK_NS (20 * NS_PER_S)
/* After one that could not be audited. */
enum { REST_S = 600 };
#define REST_NS (REST_S * NS_PER_S)

struct audits {
	struct catalog *catalog;
	struct audit how;
	pthread_t thread;
	_Atomic bool is_stopping;

	struct lock lock; /* RANK_LEAF: guards what follows */
	struct cond wake;
	bool has_doubt; /* since the last look */
};

/* ---- which ---- */

static bool
is_checked(const struct layer *l)
{
	struct err e = ERR_INIT;
	AUTO_CLOSE int dir =
	    files_open_dir(l->store, FILES_LAYERS, &l->digest, &e);

	return dir >= 0 && faccessat(dir, "checked", F_OK, 0) == 0;
}

static bool
is_due(const struct layer *l)
{
	char why[DISTRUST_WHY_SIZE];

	if (!l->has_table || is_checked(l))
		return false;
	return distrust_find(l->store, &l->table, why) ||
	       blob_has_doubt(l->blob) || audit_is_due(l);
}

/* Digests only: a layer of the list may go as soon as the look has ended. */
static struct digest *
list_due(struct audits *a, size_t *n)
{
	struct looked_at *all = NULL;
	struct digest *due = NULL;
	struct err e = ERR_INIT;
	size_t n_all = 0;

	*n = 0;
	if (look_begin(a->catalog, &e) < 0)
		return NULL;
	if (look_list(a->catalog, &all, &n_all, &e) == 0)
		due = calloc(n_all + 1, sizeof *due);
	for (size_t i = 0; due != NULL && i < n_all; i++)
		if (is_due(all[i].layer))
			due[(*n)++] = all[i].layer->digest;
	look_end(a->catalog);
	free(all);
	return due;
}

/* ---- what comes of it ---- */

static void
mark_checked(const struct layer *l)
{
	struct err e = ERR_INIT;
	AUTO_CLOSE int dir =
	    files_open_dir(l->store, FILES_LAYERS, &l->digest, &e);

	if (dir < 0 || fs_replace_file(dir, "checked", "", 0, 0600, &e) < 0)
		log_warn("%s", e.msg);
}

static void
raise_alarm(const struct layer *l, const struct err *why)
{
	struct err e = ERR_INIT;
	const struct log_field fields[] = {
		{ "layer", DIGEST_TEXT(&l->digest) },
		{ "table", DIGEST_TEXT(&l->table) },
		{ NULL, NULL },
	};

	metric_add(METRIC_tables_lied, 1);
	log_event(LOG_LEVEL_ERROR, LOG_EVENT_table_lied, fields,
	    "layer %s: the index beside its image lied: %s; it is never used "
	    "again",
	    DIGEST_TEXT(&l->digest), why->msg);
	/* Readers are told why before anybody else can know. */
	layer_distrust(l);
	if (distrust_note(l->store, &l->table, why->msg, &e) < 0)
		log_error("noting a table that lied: %s", e.msg);
}

/* Whoever gives wrong bytes makes nobody read blobs over and over. */
static bool
may_try(struct audits *a, const struct layer *l)
{
	struct notes *tried = catalog_notes(a->catalog);
	char name[DIGEST_TEXT_SIZE + sizeof "doubt "];

	snprintf(name, sizeof name, "doubt %s", DIGEST_TEXT(&l->digest));
	if (notes_have(tried, name))
		return false;
	notes_add(tried, name, REST_S);
	return true;
}

/* True: it lied. */
static bool
settle_doubt(struct audits *a, const struct layer *l, const struct doubt *d)
{
	struct err e = ERR_INIT;

	if (!may_try(a, l))
		return false;
	if (audit_doubt(&a->how, l, d, &e) == 0) {
		log_warn("layer %s: wrong bytes come of it; its index is right "
			 "about them",
		    DIGEST_TEXT(&l->digest));
		return false;
	}
	if (e.code != EBADMSG) {
		log_warn("layer %s: wrong bytes come of it, and whether its "
			 "index lied cannot be known now: %s",
		    DIGEST_TEXT(&l->digest), e.msg);
		return false;
	}
	raise_alarm(l, &e);
	return true;
}

/* True: it lied, now or before. */
static bool
audit_one(struct audits *a, const struct layer *l, struct err *e)
{
	char why[DISTRUST_WHY_SIZE];
	struct doubt d;

	if (distrust_find(l->store, &l->table, why))
		return true;
	if (blob_take_doubt(l->blob, &d))
		return settle_doubt(a, l, &d);
	if (audit_layer(&a->how, l, e) == 0) {
		metric_add(METRIC_tables_checked, 1);
		mark_checked(l);
		return false;
	}
	if (e->code != EBADMSG) {
		log_info("layer %s: its index cannot be checked now: %s",
		    DIGEST_TEXT(&l->digest), e->msg);
		return false;
	}
	raise_alarm(l, e);
	return true;
}

static bool
is_stopping(const struct audits *a)
{
	return atomic_load(&a->is_stopping);
}

/* -1: something could not be found out. */
static int
audit_all(struct audits *a, unsigned *n_audited)
{
	size_t n;
	AUTO_FREE struct digest *due = list_due(a, &n);
	int rc = 0;

	for (size_t i = 0; i < n && !is_stopping(a); i++) {
		struct layer *l = catalog_find_layer(a->catalog, &due[i]);
		struct err e = ERR_INIT;
		bool lied;

		if (l == NULL)
			continue;
		lied = audit_one(a, l, &e);
		catalog_put_layer(a->catalog, l);
		++*n_audited;
		if (lied)
			catalog_discard_layer(a->catalog, &due[i]);
		else if (e.code != 0)
			rc = -1;
	}
	return rc;
}

unsigned
audits_run(struct audits *a)
{
	unsigned n = 0;

	audit_all(a, &n);
	return n;
}

/* ---- the thread ---- */

static void
wait_for(struct audits *a, uint64_t ns)
{
	uint64_t until = clock_now_ns() + ns;
	LOCK_SCOPE(&a->lock);

	while (!is_stopping(a) && !a->has_doubt)
		if (!cond_wait_until(&a->wake, &a->lock, until))
			return;
	a->has_doubt = false;
}

static void
on_doubt(void *ctx)
{
	struct audits *a = ctx;
	LOCK_SCOPE(&a->lock);

	a->has_doubt = true;
	cond_broadcast(&a->wake);
}

static void *
audits_main(void *arg)
{
	struct audits *a = arg;
	unsigned n = 0;

	wait_for(a, LOOK_NS);
	while (!is_stopping(a))
		wait_for(a, audit_all(a, &n) < 0 ? REST_NS : LOOK_NS);
	return NULL;
}

struct audits *
audits_new(struct catalog *c, uint64_t bytes_per_s, struct err *e)
{
	struct audits *a = calloc(1, sizeof *a);

	if (a == NULL) {
		err_set(e, ENOMEM, "audits");
		return NULL;
	}
	a->catalog = c;
	a->how = (struct audit){
		.fetcher = catalog_parts(c)->fetcher,
		.bytes_per_s = bytes_per_s,
		.is_cancelled = &a->is_stopping,
	};
	lock_init(&a->lock, RANK_LEAF);
	cond_init(&a->wake);
	if (thread_start(&a->thread, "audit", audits_main, a, e) == 0) {
		fetcher_watch_doubts(a->how.fetcher, on_doubt, a);
		return a;
	}
	cond_destroy(&a->wake);
	lock_destroy(&a->lock);
	free(a);
	return NULL;
}

void
audits_stop(struct audits *a)
{
	if (a == NULL)
		return;
	fetcher_watch_doubts(a->how.fetcher, NULL, NULL);
	lock_acquire(&a->lock);
	atomic_store(&a->is_stopping, true);
	cond_broadcast(&a->wake);
	lock_release(&a->lock);
	pthread_join(a->thread, NULL);
	cond_destroy(&a->wake);
	lock_destroy(&a->lock);
	free(a);
}
