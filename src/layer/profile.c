#include "layer/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry/manifest.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

struct profile *
profile_new(const struct digest *image, const struct digest *layers,
    size_t n_layers, struct err *e)
{
	struct profile *p = calloc(1, sizeof *p);

	if (p != NULL)
		p->layers = calloc(n_layers + 1, sizeof *layers);
	if (p == NULL || p->layers == NULL) {
		profile_free(p);
		err_set(e, ENOMEM, "profile");
		return NULL;
	}
	p->image = *image;
	if (n_layers > 0)
		memcpy(p->layers, layers, n_layers * sizeof *layers);
	p->n_layers = n_layers;
	return p;
}

void
profile_free(struct profile *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n_files; i++)
		free(p->files[i]);
	hmap_release(&p->by_path);
	free(p->files);
	free(p->entries);
	free(p->ranges);
	free(p->layers);
	free(p);
}

/* ---- adding ---- */

static uint64_t
hash_of(unsigned layer, const char *path)
{
	return hash_bytes(path, strlen(path), layer);
}

static struct profile_file *
find_file(const struct profile *p, unsigned layer, const char *path)
{
	hmap_for_each_match(&p->by_path, hash_of(layer, path), n) {
		struct profile_file *f =
		    container_of(n, struct profile_file, node);

		if (f->layer == layer && strcmp(f->path, path) == 0)
			return f;
	}
	return NULL;
}

/* Room for one more in an array that doubles at powers of two. */
static int
grow(void *array, size_t n, size_t size, struct err *e)
{
	void **at = array, *grown;

	if (n != 0 && (n < 16 || (n & (n - 1)) != 0))
		return 0;
	grown = reallocarray(*at, n < 16 ? 16 : 2 * n, size);
	if (grown == NULL)
		return err_set(e, ENOMEM, "profile");
	*at = grown;
	return 0;
}

static int
check_room(const struct profile *p, const char *path, struct err *e)
{
	size_t len = strlen(path);

	if (len == 0 || len > LIMIT_PATH_BYTES)
		return err_set(e, EBADMSG, "a path of %zu bytes", len);
	if (p->n_files == LIMIT_PROFILE_FILES ||
	    p->names_bytes + len > LIMIT_PROFILE_NAMES_BYTES)
		return err_set(e, E2BIG, "more files than a profile may name");
	return 0;
}

int
profile_add_file(struct profile *p, unsigned layer, const char *path,
    uint32_t *file, struct err *e)
{
	struct profile_file *f = find_file(p, layer, path);

	if (f == NULL) {
		if (check_room(p, path, e) < 0 ||
		    grow(&p->files, p->n_files, sizeof *p->files, e) < 0)
			return -1;
		f = calloc(1, sizeof *f + strlen(path) + 1);
		if (f == NULL)
			return err_set(e, ENOMEM, "profile");
		f->number = p->n_files;
		f->layer = layer;
		strcpy(f->path, path);
		hmap_insert(&p->by_path, &f->node, hash_of(layer, path));
		p->files[p->n_files++] = f;
		p->names_bytes += strlen(path);
	}
	*file = f->number;
	return 0;
}

int
profile_add(struct profile *p, const struct profile_entry *entry, struct err *e)
{
	if (p->n_entries == LIMIT_PROFILE_ENTRIES)
		return err_set(e, E2BIG, "more ranges than a profile may have");
	if (grow(&p->entries, p->n_entries, sizeof *p->entries, e) < 0)
		return -1;
	p->entries[p->n_entries++] = *entry;
	return 0;
}

/* ---- merging ---- */

struct merging {
	struct profile *latest;
	size_t n_read;                 /* of its entries: what the run read */
	struct profile_entry **sorted; /* those, by file and block */
	bool is_whole;
};

static int
compare_places(const void *a, const void *b)
{
	const struct profile_entry *x = *(struct profile_entry *const *)a;
	const struct profile_entry *y = *(struct profile_entry *const *)b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return (x->first_block > y->first_block) -
	       (x->first_block < y->first_block);
}

static uint64_t
end_of(const struct profile_entry *x)
{
	return (uint64_t)x->first_block + x->n_blocks;
}

/* The first of the sorted that ends after the start of x, or a later file's. */
static size_t
first_after(const struct merging *m, const struct profile_entry *x)
{
	size_t lo = 0, hi = m->n_read;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct profile_entry *y = m->sorted[mid];

		if (y->file < x->file ||
		    (y->file == x->file && end_of(y) <= x->first_block))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The blocks [x->first_block, end) that the run did not read.  They go to the
 * end of the profile, where the sorted pointers do not follow: those are of
 * entries whose memory is set aside. */
static int
keep(struct merging *m, struct profile_entry x, uint64_t end, struct err *e)
{
	if (end <= x.first_block)
		return 0;
	x.n_blocks = end - x.first_block;
	x.missed += m->is_whole;
	if (x.missed >= PROFILE_FORGET_RUNS)
		return 0;
	return profile_add(m->latest, &x, e);
}

/* `x` is an entry of the earlier profile, its file one of the latest's. */
static int
merge_entry(struct merging *m, struct profile_entry x, struct err *e)
{
	uint64_t end = end_of(&x);

	for (size_t i = first_after(m, &x); i < m->n_read; i++) {
		struct profile_entry *y = m->sorted[i];

		if (y->file != x.file || y->first_block >= end)
			break;
		if (y->runs <= x.runs && x.runs < UINT16_MAX)
			y->runs = x.runs + 1;
		if (keep(m, x, y->first_block, e) < 0)
			return -1;
		if (end_of(y) >= end)
			return 0;
		x.first_block = end_of(y);
	}
	return keep(m, x, end, e);
}

static int
merge_all(struct merging *m, const struct profile *earlier, struct err *e)
{
	for (size_t i = 0; i < earlier->n_entries; i++) {
		struct profile_entry x = earlier->entries[i];
		const struct profile_file *f = earlier->files[x.file];

		if (profile_add_file(m->latest, f->layer, f->path, &x.file, e) <
			0 ||
		    merge_entry(m, x, e) < 0)
			return e->code == E2BIG ? 0 : -1;
	}
	return 0;
}

/* What the run read is copied, so that pointers to it outlive growth. */
static int
begin_merging(struct merging *m, struct profile_entry *read, struct err *e)
{
	m->sorted = calloc(m->n_read + 1, sizeof(struct profile_entry *));
	if (m->sorted == NULL)
		return err_set(e, ENOMEM, "profile");
	memcpy(read, m->latest->entries, m->n_read * sizeof *read);
	for (size_t i = 0; i < m->n_read; i++)
		m->sorted[i] = &read[i];
	qsort(m->sorted, m->n_read, sizeof(struct profile_entry *),
	    compare_places);
	return 0;
}

int
profile_merge(struct profile *latest, const struct profile *earlier,
    bool is_whole, struct err *e)
{
	struct merging m = { latest, latest->n_entries, NULL, is_whole };
	AUTO_FREE struct profile_entry *read =
	    calloc(m.n_read + 1, sizeof *read);
	int rc;

	latest->runs += is_whole || earlier == NULL;
	if (earlier == NULL)
		return 0;
	latest->runs += earlier->runs;
	if (read == NULL || m.n_read == 0)
		return err_set(e, read == NULL ? ENOMEM : EINVAL,
		    "a run that read nothing");
	rc = begin_merging(&m, read, e);
	if (rc == 0)
		rc = merge_all(&m, earlier, e);
	memcpy(latest->entries, read, m.n_read * sizeof *read);
	free(m.sorted);
	return rc;
}

/* ---- checking ---- */

int
profile_check_image(
    const struct profile *p, const struct manifest *m, struct err *e)
{
	if (!digest_equal(&p->image, &m->digest))
		return err_set(e, EBADMSG, "the profile is of image %s, not %s",
		    DIGEST_TEXT(&p->image), DIGEST_TEXT(&m->digest));
	if (p->n_layers != m->n_layers)
		return err_set(e, EBADMSG,
		    "the profile has %zu layers, not %zu", p->n_layers,
		    m->n_layers);
	for (size_t k = 0; k < p->n_layers; k++)
		if (!digest_equal(&p->layers[k], &m->layers[k].digest))
			return err_set(e, EBADMSG,
			    "layer %zu of the profile is another", k);
	return 0;
}
