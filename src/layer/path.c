#include "layer/path.h"

#include <string.h>

#include "index/index.h"

/* In all, as the kernel has it: links of links would never end. */
enum { MAX_LINKS = 40 };

static uint64_t
follow(const struct index *x, uint64_t nid, const char *path, size_t len,
    unsigned *links)
{
	while (len > 0 && nid != 0) {
		const char *slash = memchr(path, '/', len), *target;
		size_t n = slash == NULL ? len : (size_t)(slash - path);
		uint64_t dir = n == 0 ? INDEX_ROOT : nid;
		size_t target_len;

		if (n > 0)
			nid = index_lookup(x, dir, path, n);
		else
			nid = dir;
		if (nid != 0 && index_read_link(x, nid, &target, &target_len)) {
			if (*links == 0)
				return 0;
			--*links;
			nid = follow(x, dir, target, target_len, links);
		}
		n += slash != NULL;
		path += n;
		len -= n;
	}
	return nid;
}

uint64_t
path_find(const struct index *x, const char *path)
{
	unsigned links = MAX_LINKS;

	return follow(x, INDEX_ROOT, path, strlen(path), &links);
}
