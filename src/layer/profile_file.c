/* The file that layerfs/profile.h pictures, read and written. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layer/profile.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

#include "layerfs/profile.h"

/* ---- reading ---- */

/* The header in this machine's byte order, and where the sections are. */
struct parsing {
	const uint8_t *bytes;
	struct layerfs_profile_header h;
	size_t layers_off, files_off, entries_off, ranges_off, names_off;
};

static uint64_t
checksum_of(const uint8_t *bytes, size_t n)
{
	static const uint8_t zero[sizeof(uint64_t)];
	const size_t at = offsetof(struct layerfs_profile_header, checksum);
	AUTO_HASHER struct hasher *h = hasher_new();
	struct digest d;

	hasher_update(h, bytes, at);
	hasher_update(h, zero, sizeof zero);
	hasher_update(h, bytes + at + sizeof zero, n - at - sizeof zero);
	hasher_end(h, &d);
	return get_le64(d.bytes);
}

static void
get_header(struct layerfs_profile_header *h, const uint8_t *bytes)
{
	memcpy(h, bytes, sizeof *h);
	h->version = le32toh(h->version);
	h->n_layers = le32toh(h->n_layers);
	h->n_files = le32toh(h->n_files);
	h->n_entries = le32toh(h->n_entries);
	h->names_bytes = le32toh(h->names_bytes);
	h->runs = le32toh(h->runs);
	h->recorded_s = (int64_t)le64toh((uint64_t)h->recorded_s);
	h->checksum = le64toh(h->checksum);
	h->n_ranges = le32toh(h->n_ranges);
}

static int
check_counts(const struct layerfs_profile_header *h, struct err *e)
{
	if (h->n_layers > LIMIT_LAYERS || h->n_files > LIMIT_PROFILE_FILES ||
	    h->n_entries > LIMIT_PROFILE_ENTRIES ||
	    h->n_ranges > LIMIT_PROFILE_RANGES ||
	    h->names_bytes > LIMIT_PROFILE_NAMES_BYTES)
		return err_set(e, E2BIG, "a profile larger than may be");
	return 0;
}

static int
parse_header(struct parsing *p, size_t n, struct err *e)
{
	struct layerfs_profile_header *h = &p->h;

	if (n < sizeof *h)
		return err_set(e, EBADMSG, "too short for a profile");
	get_header(h, p->bytes);
	if (memcmp(h->magic, LAYERFS_PROFILE_MAGIC, sizeof h->magic) != 0)
		return err_set(e, EBADMSG, "no profile");
	if (h->version != LAYERFS_PROFILE_VERSION)
		return err_set(
		    e, EBADMSG, "a profile of version %u", h->version);
	if (check_counts(h, e) < 0)
		return -1;
	p->layers_off = sizeof *h;
	p->files_off = p->layers_off + h->n_layers * (size_t)DIGEST_BYTES;
	p->entries_off =
	    p->files_off + h->n_files * sizeof(struct layerfs_profile_file);
	p->ranges_off = p->entries_off +
			h->n_entries * sizeof(struct layerfs_profile_entry);
	p->names_off =
	    p->ranges_off + h->n_ranges * sizeof(struct layerfs_profile_range);
	if (p->names_off + h->names_bytes != n)
		return err_set(e, EBADMSG, "a profile of another length");
	if (checksum_of(p->bytes, n) != h->checksum)
		return err_set(e, EBADMSG, "a damaged profile");
	return 0;
}

/* The path of the next file, made from the one before. */
struct naming {
	char path[LIMIT_PATH_BYTES + 1];
	size_t len;
	unsigned layer;
	size_t at; /* in names */
};

static int
next_name(struct naming *w, const struct parsing *p,
    const struct layerfs_profile_file *f, struct err *e)
{
	const size_t shared = le16toh(f->shared), added = le16toh(f->added);
	const char *name = (const char *)p->bytes + p->names_off + w->at;
	char old[LIMIT_PATH_BYTES + 1];
	unsigned layer = le16toh(f->layer);
	bool is_first = w->len == 0 || layer != w->layer;

	if (layer >= p->h.n_layers || (w->len > 0 && layer < w->layer) ||
	    shared > (is_first ? 0 : w->len) ||
	    shared + added > LIMIT_PATH_BYTES ||
	    added > p->h.names_bytes - w->at || added == 0 ||
	    memchr(name, 0, added) != NULL)
		return err_set(e, EBADMSG, "a bad file name in a profile");
	memcpy(old, w->path, w->len + 1);
	memcpy(w->path + shared, name, added);
	w->len = shared + added;
	w->path[w->len] = 0;
	w->layer = layer;
	w->at += added;
	if (!is_first && strcmp(old, w->path) >= 0)
		return err_set(e, EBADMSG, "a profile's files are not sorted");
	return 0;
}

static int
parse_files(struct profile *out, const struct parsing *p, struct err *e)
{
	struct naming w = { .len = 0 };

	for (uint32_t i = 0; i < p->h.n_files; i++) {
		struct layerfs_profile_file f;
		uint32_t number;

		memcpy(&f, p->bytes + p->files_off + i * sizeof f, sizeof f);
		if (next_name(&w, p, &f, e) < 0 ||
		    profile_add_file(out, w.layer, w.path, &number, e) < 0)
			return -1;
	}
	if (w.at != p->h.names_bytes)
		return err_set(e, EBADMSG, "names without files in a profile");
	return 0;
}

static int
parse_entries(struct profile *out, const struct parsing *p, struct err *e)
{
	for (uint32_t i = 0; i < p->h.n_entries; i++) {
		struct layerfs_profile_entry d;
		struct profile_entry x;

		memcpy(&d, p->bytes + p->entries_off + i * sizeof d, sizeof d);
		x = (struct profile_entry){
			.file = le32toh(d.file),
			.first_block = le32toh(d.first_block),
			.n_blocks = le32toh(d.n_blocks),
			.runs = le16toh(d.runs),
			.missed = le16toh(d.missed),
		};
		if (x.file >= p->h.n_files || x.n_blocks == 0 || x.runs == 0 ||
		    x.n_blocks > UINT32_MAX - x.first_block ||
		    x.missed >= PROFILE_FORGET_RUNS)
			return err_set(e, EBADMSG, "a bad range in a profile");
		if (profile_add(out, &x, e) < 0)
			return -1;
	}
	return 0;
}

static int
parse_ranges(struct profile *out, const struct parsing *p, struct err *e)
{
	out->ranges = calloc(p->h.n_ranges + 1, sizeof *out->ranges);
	if (out->ranges == NULL)
		return err_set(e, ENOMEM, "profile");
	for (uint32_t i = 0; i < p->h.n_ranges; i++) {
		struct profile_range *r = &out->ranges[i];
		struct layerfs_profile_range d;

		memcpy(&d, p->bytes + p->ranges_off + i * sizeof d, sizeof d);
		r->blob_off = le64toh(d.blob_off);
		r->len = le32toh(d.len);
		r->layer = le16toh(d.layer);
		if (r->layer >= p->h.n_layers || r->len == 0 ||
		    r->len > LIMIT_CHUNK_BLOB_BYTES ||
		    r->blob_off > LIMIT_BLOB_BYTES)
			return err_set(e, EBADMSG, "a bad range of a blob");
	}
	out->n_ranges = p->h.n_ranges;
	return 0;
}

static int
compare_places(const void *a, const void *b)
{
	const struct profile_entry *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return (x->first_block > y->first_block) -
	       (x->first_block < y->first_block);
}

/* Else a small file could ask for a large one over and over. */
static int
check_overlap(const struct profile *p, struct err *e)
{
	size_t n = p->n_entries;
	AUTO_FREE struct profile_entry *sorted = calloc(n + 1, sizeof *sorted);

	if (sorted == NULL)
		return err_set(e, ENOMEM, "profile");
	if (n > 0)
		memcpy(sorted, p->entries, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, compare_places);
	for (size_t i = 1; i < n; i++) {
		const struct profile_entry *x = &sorted[i - 1], *y = x + 1;

		if (x->file == y->file &&
		    y->first_block - x->first_block < x->n_blocks)
			return err_set(
			    e, EBADMSG, "ranges of a profile overlap");
	}
	return 0;
}

struct profile *
profile_parse(const void *bytes, size_t n, struct err *e)
{
	struct parsing p = { .bytes = bytes };
	AUTO_PROFILE struct profile *out = NULL;
	struct digest image;

	if (parse_header(&p, n, e) < 0)
		return NULL;
	memcpy(&image, p.h.image, sizeof image);
	/* A digest is bytes: it may lie anywhere. */
	out = profile_new(&image,
	    (const struct digest *)(p.bytes + p.layers_off), p.h.n_layers, e);
	if (out == NULL)
		return NULL;
	out->runs = p.h.runs;
	out->recorded_s = p.h.recorded_s;
	if (parse_files(out, &p, e) < 0 || parse_entries(out, &p, e) < 0 ||
	    check_overlap(out, e) < 0 || parse_ranges(out, &p, e) < 0)
		return NULL;
	return take_ptr(&out);
}

/* ---- writing ---- */

struct writing {
	const struct profile *profile;
	struct profile_file **sorted;
	uint32_t *numbers; /* of a file, by its number before the sorting */
	struct buf *out;
	struct buf names;
};

static int
compare_files(const void *a, const void *b)
{
	const struct profile_file *x = *(struct profile_file *const *)a;
	const struct profile_file *y = *(struct profile_file *const *)b;

	if (x->layer != y->layer)
		return x->layer < y->layer ? -1 : 1;
	return strcmp(x->path, y->path);
}

static int
sort_files(struct writing *w, struct err *e)
{
	const struct profile *p = w->profile;
	size_t n = p->n_files;

	w->sorted = calloc(n + 1, sizeof(struct profile_file *));
	w->numbers = calloc(n + 1, sizeof *w->numbers);
	if (w->sorted == NULL || w->numbers == NULL)
		return err_set(e, ENOMEM, "profile");
	if (n > 0)
		memcpy(w->sorted, p->files, n * sizeof(struct profile_file *));
	qsort(w->sorted, n, sizeof(struct profile_file *), compare_files);
	for (size_t i = 0; i < n; i++)
		w->numbers[w->sorted[i]->number] = i;
	return 0;
}

static size_t
shared_bytes(const struct profile_file *a, const struct profile_file *b)
{
	size_t n = 0;

	if (a == NULL || a->layer != b->layer)
		return 0;
	while (a->path[n] != 0 && a->path[n] == b->path[n])
		n++;
	return n;
}

static int
write_files(struct writing *w, struct err *e)
{
	const struct profile_file *last = NULL;

	for (size_t i = 0; i < w->profile->n_files; i++) {
		const struct profile_file *f = w->sorted[i];
		size_t shared = shared_bytes(last, f);
		size_t added = strlen(f->path) - shared;
		struct layerfs_profile_file d = {
			.layer = htole16(f->layer),
			.shared = htole16(shared),
			.added = htole16(added),
		};

		if (buf_append(w->out, &d, sizeof d, e) < 0 ||
		    buf_append(&w->names, f->path + shared, added, e) < 0)
			return -1;
		last = f;
	}
	return 0;
}

static int
write_entries(struct writing *w, struct err *e)
{
	for (size_t i = 0; i < w->profile->n_entries; i++) {
		const struct profile_entry *x = &w->profile->entries[i];
		struct layerfs_profile_entry d = {
			.file = htole32(w->numbers[x->file]),
			.first_block = htole32(x->first_block),
			.n_blocks = htole32(x->n_blocks),
			.runs = htole16(x->runs),
			.missed = htole16(x->missed),
		};

		if (buf_append(w->out, &d, sizeof d, e) < 0)
			return -1;
	}
	return 0;
}

static int
write_ranges(struct writing *w, struct err *e)
{
	for (size_t i = 0; i < w->profile->n_ranges; i++) {
		const struct profile_range *r = &w->profile->ranges[i];
		struct layerfs_profile_range d = {
			.blob_off = htole64(r->blob_off),
			.len = htole32(r->len),
			.layer = htole16(r->layer),
		};

		if (buf_append(w->out, &d, sizeof d, e) < 0)
			return -1;
	}
	return 0;
}

static struct layerfs_profile_header
make_header(const struct writing *w)
{
	const struct profile *p = w->profile;
	struct layerfs_profile_header h = {
		.version = htole32(LAYERFS_PROFILE_VERSION),
		.n_layers = htole32(p->n_layers),
		.n_files = htole32(p->n_files),
		.n_entries = htole32(p->n_entries),
		.names_bytes = htole32(w->names.len),
		.runs = htole32(p->runs),
		.recorded_s = (int64_t)htole64((uint64_t)p->recorded_s),
		.n_ranges = htole32(p->n_ranges),
	};

	memcpy(h.magic, LAYERFS_PROFILE_MAGIC, sizeof h.magic);
	memcpy(h.image, &p->image, sizeof h.image);
	return h;
}

static int
write_sections(struct writing *w, struct err *e)
{
	const struct profile *p = w->profile;
	const size_t start = w->out->len;
	struct layerfs_profile_header h = { .version = 0 };

	if (buf_append(w->out, &h, sizeof h, e) < 0 ||
	    buf_append(w->out, p->layers, p->n_layers * sizeof *p->layers, e) <
		0 ||
	    write_files(w, e) < 0 || write_entries(w, e) < 0 ||
	    write_ranges(w, e) < 0 ||
	    buf_append(w->out, w->names.data, w->names.len, e) < 0)
		return -1;
	h = make_header(w);
	memcpy(w->out->data + start, &h, sizeof h);
	h.checksum =
	    htole64(checksum_of(w->out->data + start, w->out->len - start));
	memcpy(w->out->data + start, &h, sizeof h);
	return 0;
}

int
profile_write(const struct profile *p, struct buf *out, struct err *e)
{
	struct writing w = { .profile = p,
		.out = out,
		.names = BUF_INIT(LIMIT_PROFILE_NAMES_BYTES) };
	int rc = sort_files(&w, e);

	if (rc == 0)
		rc = write_sections(&w, e);
	buf_release(&w.names);
	free(w.sorted);
	free(w.numbers);
	return rc;
}
