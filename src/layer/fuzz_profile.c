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

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_FREE uint8_t *copy = malloc(n + 1);
	AUTO_PROFILE struct profile *profile = NULL;
	AUTO_BUF struct buf again = BUF_INIT(LIMIT_PROFILE_BYTES);
	struct err e = ERR_INIT;

	if (copy == NULL)
		return 0;
	memcpy(copy, p, n);
	profile_seal(copy, n);
	profile = profile_parse(copy, n, &e);
	if (profile == NULL)
		return 0;
	check_files(profile);
	if (profile_write(profile, &again, &e) < 0)
		return 0;
	AUTO_PROFILE struct profile *second =
	    profile_parse(again.data, again.len, &e);
	assert(second != NULL && second->n_entries == profile->n_entries);
	assert(profile_merge(second, profile, true, &e) == 0 ||
	       profile->n_entries == 0);
	return 0;
}
