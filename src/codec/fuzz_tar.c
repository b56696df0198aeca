#include "codec/tar.h"
#include "codec/tar_seal.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct counter {
	struct tar_sink sink;
	uint64_t left; /* of the current entry */
	volatile uint64_t sum;
};

static struct counter *
of(struct tar_sink *s)
{
	return container_of(s, struct counter, sink);
}

/* Touches all that an entry points at. */
static int
on_entry(struct tar_sink *s, const struct tar_entry *x, struct err *e)
{
	struct counter *c = of(s);

	(void)e;
	c->left = x->size;
	c->sum += hash_bytes(x->path, x->path_len, 0);
	c->sum += hash_bytes(x->link, x->link_len, 0);
	for (size_t i = 0; i < x->n_xattrs; i++) {
		const struct tar_xattr *a = &x->xattrs[i];

		c->sum += strlen(a->name) + hash_bytes(a->value, a->len, 0);
	}
	return 0;
}

static void
take(struct counter *c, uint64_t n)
{
	if (n > c->left)
		__builtin_trap();
	c->left -= n;
}

static int
on_data(
    struct tar_sink *s, uint64_t off, const void *p, size_t n, struct err *e)
{
	(void)off, (void)e;
	take(of(s), n);
	of(s)->sum += hash_bytes(p, n, 0);
	return 0;
}

static int
on_hole(struct tar_sink *s, uint64_t n, struct err *e)
{
	(void)e;
	take(of(s), n);
	return 0;
}

static int
on_end(struct tar_sink *s, const struct tar_entry *x, struct err *e)
{
	(void)x, (void)e;
	if (of(s)->left != 0)
		__builtin_trap();
	return 0;
}

static void
read_tar(const uint8_t *p, size_t n, size_t cut)
{
	struct err e = ERR_INIT;
	AUTO_TAR struct tar *t = tar_new(&e);
	struct counter c = { { on_entry, on_data, on_hole, on_end }, 0, 0 };

	if (tar_feed(t, p, cut, &c.sink, &e) == 0 &&
	    tar_feed(t, p + cut, n - cut, &c.sink, &e) == 0)
		tar_end(t, &e);
}

/* In two pieces: the first byte says where it is cut. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_FREE uint8_t *tar = n > 0 ? tar_sealed_copy(p + 1, n - 1) : NULL;

	if (tar != NULL)
		read_tar(tar, n - 1, min_u64(p[0] * 8, n - 1));
	return 0;
}
