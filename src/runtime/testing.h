/* A snapshotter for its tests, on a real database and fake floors, and short words
 * for its calls.  Only test_*.c includes it.
 *
 *	IN_PLACE(test)
 */
#ifndef RUNTIME_TESTING_H
#define RUNTIME_TESTING_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/fake_floors.h"
#include "runtime/labels.h"
#include "runtime/snapshotter.h"
#include "layer/image.h"
#include "store/db.h"
#include "store/db_snapshot.h"
#include "base/doc.h"
#include "base/test.h"
#include "base/test_folder.h"

struct place {
	void *folder;
	struct db *db;
	struct snapshotter *s;
	uint32_t timeout_ms; /* for a registry; 0: longer than a busy machine
				is slow */
};

static inline void
begin_life(struct place *p)
{
	const struct folder *folder = p->folder;
	struct snapshotter_parts parts = {
		.run_path = "/r",
		.prepare_timeout_ms = p->timeout_ms > 0 ? p->timeout_ms : 60000,
	};
	struct err e = ERR_INIT;

	p->db = parts.db = db_open(folder->fd, &e);
	p->s = p->db == NULL ? NULL : snapshotter_new(&parts, &e);
	if (p->s == NULL)
		fail_msg("%s", e.msg);
}

/* As a worker that is killed: nothing is tidied up. */
static inline void
end_life(struct place *p)
{
	snapshotter_free(p->s);
	db_close(p->db);
}

static inline int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	fake_begin();
	if (make_folder(&p->folder) != 0)
		return -1;
	begin_life(p);
	*state = p;
	return 0;
}

static inline int
tear_down(void **state)
{
	struct place *p = *state;
	int rc;

	end_life(p);
	assert_int_equal(fake.images, 0);
	rc = remove_folder(&p->folder);
	free(p);
	return rc;
}

#define IN_PLACE(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

#define OK(call)                                           \
	do {                                               \
		struct err ok_ = ERR_INIT;                 \
		struct err *e = &ok_;                      \
		if ((call) < 0)                            \
			fail_msg("%s: %s", #call, e->msg); \
	} while (0)
#define FAILS(call, code)                         \
	do {                                      \
		struct err fails_;                \
		struct err *e = &fails_;          \
		assert_fails(call, fails_, code); \
		(void)e;                          \
	} while (0)

/* ---- short words for the calls ---- */

static inline int
prepare_with(struct place *p, enum snapshot_kind kind, const char *key,
    const char *parent, struct doc *labels, struct err *e)
{
	AUTO_SNAPSHOT_MOUNT struct snapshot_mount m = { 0 };
	struct snapshot_request q = { kind, key, parent, labels };

	return snapshotter_prepare(p->s, &q, &m, e);
}

static inline int
prepare(struct place *p, const char *key, const char *parent, struct err *e)
{
	AUTO_DOC struct doc *labels = doc_new_object();

	return prepare_with(p, SNAPSHOT_ACTIVE, key, parent, labels, e);
}

static inline int
view(struct place *p, const char *key, const char *parent, struct err *e)
{
	AUTO_DOC struct doc *labels = doc_new_object();

	return prepare_with(p, SNAPSHOT_VIEW, key, parent, labels, e);
}

static inline int
commit(struct place *p, const char *key, const char *name, struct err *e)
{
	AUTO_DOC struct doc *labels = doc_new_object();

	return snapshotter_commit(p->s, key, name, labels, e);
}

/* A committed snapshot of a layer that was unpacked. */
static inline void
add_layer(struct place *p, const char *name, const char *parent)
{
	OK(prepare(p, "extract", parent, e));
	OK(commit(p, "extract", name, e));
}

static inline void
expect(struct place *p, const char *key, enum snapshot_kind kind,
    const char *parent)
{
	AUTO_SNAPSHOT_INFO struct snapshot_info i = { 0 };

	OK(snapshotter_stat(p->s, key, &i, e));
	assert_string_equal(i.name, key);
	assert_string_equal(i.parent, parent);
	assert_int_equal(i.kind, kind);
}

static inline void
expect_absent(struct place *p, const char *key)
{
	AUTO_SNAPSHOT_INFO struct snapshot_info i = { 0 };

	FAILS(snapshotter_stat(p->s, key, &i, e), ENOENT);
}

static inline void
expect_option(struct place *p, const char *key, const char *option)
{
	AUTO_SNAPSHOT_MOUNT struct snapshot_mount m = { 0 };
	bool is_there = false;

	OK(snapshotter_mounts(p->s, key, &m, e));
	for (size_t i = 0; i < m.n_options; i++)
		is_there |= strcmp(m.options[i], option) == 0;
	if (!is_there)
		fail_msg("%s: no option %s", key, option);
}

static inline uint64_t
number_of(struct place *p, const char *key)
{
	AUTO_DB_SNAPSHOT struct db_snapshot row = { 0 };

	OK(db_get_snapshot(p->db, key, &row, e));
	return row.number;
}

/* What is above `rest` is the folder of another. */
static inline void
expect_lowers(
    struct place *p, const char *key, const char *top, const char *rest)
{
	char option[400];

	snprintf(option, sizeof option, "lowerdir=/r/s/%ju/fs%s",
	    (uintmax_t)number_of(p, top), rest);
	expect_option(p, key, option);
}

static inline unsigned
count_folders(void)
{
	unsigned n = 0;

	for (int i = 0; i < FAKE_FOLDERS_MAX; i++)
		n += fake.folders[i] > 0;
	return n;
}

/* ---- remote snapshots ---- */

static inline int
append(void *ctx, const struct snapshot_info *i)
{
	char *names = ctx;

	strcat(names, i->name);
	strcat(names, " ");
	return 0;
}

static inline int
update(struct place *p, const char *key, const char *field, struct err *e)
{
	AUTO_DOC struct doc *labels = doc_new_object();
	AUTO_SNAPSHOT_INFO struct snapshot_info i = { 0 };
	struct snapshot_update u = { key, labels, &field, field != NULL };

	doc_set_string(labels, "x", "new");
	return snapshotter_update(p->s, &u, &i, e);
}

/* What ctr-remote's labels ask for: the image's layer. */
static inline struct doc *
remote_labels(unsigned layer)
{
	struct doc *labels = doc_new_object();
	struct digest chain = fake_chain(layer), digest = fake_layer(layer);

	doc_set_string(labels, LABEL_CHAIN, DIGEST_TEXT(&chain));
	doc_set_string(labels, "containerd.io/snapshot/remote/stargz.reference",
	    FAKE_REFERENCE);
	doc_set_string(labels, "containerd.io/snapshot/remote/stargz.digest",
	    DIGEST_TEXT(&digest));
	return labels;
}

static inline int
prepare_remote(
    struct place *p, unsigned layer, const char *parent, struct err *e)
{
	AUTO_DOC struct doc *labels = remote_labels(layer);

	return prepare_with(p, SNAPSHOT_ACTIVE, "extract", parent, labels, e);
}

/* The name under which containerd finds it, as it asks. */
static const char *
find_remote(struct place *p, unsigned layer, const char *parent, char name[200])
{
	struct digest chain = fake_chain(layer);
	char filter[400];
	const char *filters = filter;

	snprintf(filter, sizeof filter,
	    "labels.\"" LABEL_CHAIN "\"==%s,parent==\"%s\"",
	    DIGEST_TEXT(&chain), parent);
	*name = 0;
	OK(snapshotter_list(p->s, &filters, 1, append, name, e));
	if (*name != 0)
		name[strlen(name) - 1] = 0;
	return name;
}

/* All layers of the image; `top` is the last one's name. */
static inline void
pull(struct place *p, char top[200])
{
	char parent[200] = "";

	for (unsigned k = 0; k < fake.n_layers; k++) {
		FAILS(prepare_remote(p, k, parent, e), EEXIST);
		find_remote(p, k, parent, top);
		assert_string_not_equal(top, "");
		expect(p, top, SNAPSHOT_COMMITTED, parent);
		strcpy(parent, top);
	}
}

#endif
