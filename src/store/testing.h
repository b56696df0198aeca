/* What the unit tests of store/ share: a folder of their own, digests, maps. */
#ifndef STORE_TESTING_H
#define STORE_TESTING_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/map.h"
#include "base/bytes.h"
#include "base/fs.h"
#include "base/test.h"

/* The call succeeds; `e` is in scope. */
#define OK(call)                                          \
	do {                                              \
		e = ERR_INIT;                             \
		if ((call) < 0)                           \
			fail_msg("%s: %s", #call, e.msg); \
	} while (0)

static char test_path[64];

/* cmocka's setup and teardown: *state is an open folder. */
static inline int
make_root(void **state)
{
	static int root;
	struct err e = ERR_INIT;

	snprintf(test_path, sizeof test_path, "/tmp/layerfs-test-XXXXXX");
	if (mkdtemp(test_path) == NULL)
		return -1;
	root = fs_open_dir(AT_FDCWD, test_path, &e);
	*state = &root;
	return root < 0 ? -1 : 0;
}

static inline int
remove_root(void **state)
{
	struct err e = ERR_INIT;

	close(*(int *)*state);
	return fs_remove_tree(AT_FDCWD, test_path, &e);
}

/* A generator with a fixed start: the same run every time. */
static inline uint32_t
next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static inline struct digest
digest_number(uint32_t n)
{
	struct digest d;

	digest_of(&d, &n, sizeof n);
	return d;
}

/* An object of chunks of `chunk_len`, each vouched for by a digest that follows
 * from `content` (a single chunk by the object's own).  content 0: the object's
 * digest is not known.  Raw, at *blob_off, which moves on. */
static inline int
build_object(struct map_builder *b, uint32_t content, uint64_t size,
    uint32_t chunk_len, uint64_t *blob_off, struct err *e)
{
	struct digest d = digest_number(content);
	uint32_t ordinal;
	bool is_new;

	if (map_builder_begin_object(
		b, content != 0 ? &d : NULL, size, &ordinal, &is_new, e) < 0)
		return -1;
	if (!is_new)
		return 0;
	for (uint64_t off = 0; off < size; off += chunk_len) {
		uint32_t len = min_u64(chunk_len, size - off);
		struct chunk c = {
			.blob_off = *blob_off,
			.object_off = off,
			.blob_len = len,
			.len = len,
			.codec = CHUNK_RAW,
			.has_digest = true,
			.digest = len == size ? d
					      : digest_number(content * 1000 +
							      off / chunk_len),
		};

		if (map_builder_add_chunk(b, &c, e) < 0)
			return -1;
		*blob_off += len;
	}
	return map_builder_end_object(b, e);
}

/* Writes the placed builder to a file and opens that. */
static inline struct map *
write_and_open(struct map_builder *b, int root, const char *name,
    uint64_t blob_size, struct err *e)
{
	struct digest blob = digest_number(blob_size);
	AUTO_CLOSE int fd =
	    openat(root, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || map_write(b, &blob, blob_size, fd, e) < 0)
		return NULL;
	return map_open(fd, e);
}

#endif
