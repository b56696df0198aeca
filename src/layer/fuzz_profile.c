/* Whatever an imported profile holds: it is refused, or what is written of it
 * reads as the same. */
#include <assert.h>
#include <stdlib.h>

#include "layer/profile.h"
#include "layer/profile_seal.h"
#include "base/err.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
check_files(const struct profile *p)
{
	for (size_t i = 0; i < p->n_files; i++) {
		assert(p->files[i]->layer < p->n_layers);
		assert(p->files[i]->path[0] != 0);
	}
	for (size_t i = 0; i < p->n_entries; i++)
		assert(p->entries[i].file < p->n_files);
}

/* What is written of it, read again. */
static struct profile *
write_and_read(const struct profile *p)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_PROFILE_BYTES);
	struct err e = ERR_INIT;
	struct profile *again;

	if (profile_write(p, &text, &e) < 0)
		return NULL;
	again = profile_parse(text.data, text.len, &e);
	assert(again != NULL && again->n_entries == p->n_entries &&
	       again->n_ranges == p->n_ranges);
	return again;
}

/* Every second of its entries, and of that not the first block. */
static int
add_run(struct profile *run, const struct profile *p, struct err *e)
{
	for (size_t i = 0; i < p->n_entries; i += 2) {
		struct profile_entry x = p->entries[i];
		const struct profile_file *f = p->files[x.file];

		x.runs = 1;
		x.missed = 0;
		if (x.n_blocks > 1) {
			x.first_block++;
			x.n_blocks--;
		}
		if (profile_add_file(run, f->layer, f->path, &x.file, e) < 0 ||
		    profile_add(run, &x, e) < 0)
			return -1;
	}
	return 0;
}

/* As after a start of an image whose profile it is. */
static void
merge_into_run(const struct profile *p, bool is_whole)
{
	struct err e = ERR_INIT;
	AUTO_PROFILE struct profile *run =
	    profile_new(&p->image, p->layers, p->n_layers, &e);

	if (run == NULL || add_run(run, p, &e) < 0 ||
	    profile_merge(run, p, is_whole, &e) < 0 ||
	    profile_set_ranges(run, p->ranges, p->n_ranges, &e) < 0)
		return;
	check_files(run);
	profile_free(write_and_read(run));
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_FREE uint8_t *copy = malloc(n);
	AUTO_PROFILE struct profile *profile = NULL, *second = NULL;
	struct err e = ERR_INIT;

	if (copy == NULL)
		return 0;
	memcpy(copy, p, n);
	profile_seal(copy, n);
	profile = profile_parse(copy, n, &e);
	if (profile == NULL)
		return 0;
	check_files(profile);
	second = write_and_read(profile);
	if (second == NULL)
		return 0;
	assert(profile_merge(second, profile, true, &e) == 0 ||
	       profile->n_entries == 0);
	merge_into_run(profile, profile->runs & 1);
	return 0;
}
