#include "layer/distrust.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/artifact.h"
#include "store/store.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/limits.h"

#define DISTRUSTED "distrusted"

enum { PATH_SIZE = 128 };

static void
path_of(char path[PATH_SIZE], const struct digest *table)
{
	snprintf(path, PATH_SIZE, DISTRUSTED "/%s", DIGEST_HEX(table));
}

int
distrust_note(
    struct store *s, const struct digest *table, const char *why, struct err *e)
{
	int root = store_root(s);
	char path[PATH_SIZE];

	path_of(path, table);
	if (fs_make_dirs(root, DISTRUSTED, 0700, e) < 0)
		return -1;
	return fs_replace_file(root, path, why,
	    min_u64(strlen(why), DISTRUST_WHY_SIZE - 1), 0600, e);
}

/* One whose text cannot be read lied, too. */
bool
distrust_find(
    struct store *s, const struct digest *table, char why[DISTRUST_WHY_SIZE])
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE_BYTES);
	struct err e = ERR_INIT;
	char path[PATH_SIZE];

	path_of(path, table);
	if (fs_read_file(store_root(s), path, &text, &e) < 0 &&
	    e.code == ENOENT)
		return false;
	snprintf(why, DISTRUST_WHY_SIZE, "%s", buf_str(&text));
	return true;
}

bool
distrust_find_any(
    struct store *s, const struct artifact *a, char why[DISTRUST_WHY_SIZE])
{
	for (size_t i = 0; i < a->n_blobs; i++)
		if (distrust_find(s, &a->blobs[i].descriptor.digest, why))
			return true;
	return false;
}
