/* Where a blob's bytes come from: a registry's repository, or an OCI layout
 * folder.  The second seam of the design: fetch/ knows sources, nothing of
 * HTTP.
 *
 * A source is shared (ref counted) and may be used by any thread.  A read is an
 * embedded struct that belongs to the source from source_read() until on_done,
 * which is called exactly once, on any thread, possibly before source_read()
 * returns.  Neither callback may block, and none is called under a lock of the
 * source.
 */
#ifndef REGISTRY_SOURCE_H
#define REGISTRY_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"

struct err;
struct registry;
struct source;

enum source_priority { SOURCE_NOW, SOURCE_SOON, SOURCE_IDLE };

/* What on_bytes answers. */
enum source_verdict {
	SOURCE_CONTINUE,
	SOURCE_PAUSE, /* these bytes were NOT taken; call source_resume() */
	SOURCE_ABORT, /* ends the read with ECANCELED */
};

/* Bytes that a read has no need of, off <= x < end. */
struct source_gap {
	uint64_t off, end;
};

enum { SOURCE_MAX_GAPS = 15 };

/* A gap that is cheaper to read than to ask again for what lies behind it: at 100
 * Mbit/s, 64 KiB take 5 ms, less than any round trip that matters. */
enum { SOURCE_SMALL_GAP = 64 << 10 };

/* Whether several ranges can be had in one request. */
enum source_parts {
	SOURCE_PARTS_UNKNOWN, /* this read has not shown it */
	SOURCE_PARTS_GIVEN,
	SOURCE_PARTS_REFUSED, /* it was asked for one at a time */
};

struct source_read {
	/* set by the caller */
	struct digest blob;
	uint64_t blob_size;
	uint64_t off,
	    len; /* a part of the blob; off 0 and len blob_size: all */
	/* In order, not empty, apart, and within off and len, with bytes before
	 * the first and after the last: they may come or not.  Where they
	 * cannot be left out one range after the other is asked for, and small
	 * gaps come along. */
	const struct source_gap *gaps;
	unsigned n_gaps; /* SOURCE_MAX_GAPS at most */
	enum source_priority priority;
	/* Where it would have to be read from the blob's start, it fails with
	 * ENOTSUP instead. */
	bool needs_range;

	/* Hosts that are asked only where all others fail, a bit each as in
	 * `gave`: their bytes were wrong.  The bits mean something to one
	 * source, and nothing when its configuration has changed. */
	uint64_t avoid;
	bool is_hasty; /* each host is tried once */

	/* Bytes in order, from off on; never more than len in all, and nothing
	 * is left out but gaps.  A host that ignores ranges is handled below
	 * this: what is before off is skipped. */
	enum source_verdict (*on_bytes)(
	    struct source_read *r, const void *p, size_t n);

	/* failure is NULL when all len bytes but gaps were given.  Otherwise: EAGAIN
	 * worth retrying (here or elsewhere), ENOENT the host has no such blob,
	 * EACCES refused, ETIMEDOUT stalled, EPROTO, ECANCELED. */
	void (*on_done)(struct source_read *r, const struct err *failure);

	/* A try has failed, and another follows.  As on_bytes; or NULL. */
	void (*on_trouble)(struct source_read *r, const struct err *why);

	/* the source's */
	uint64_t at;             /* where the bytes lie; before each on_bytes */
	uint64_t gave;           /* whose bytes came; before each on_bytes */
	bool has_others;         /* who are neither these nor to be avoided */
	enum source_parts parts; /* before on_done */
	void *state;
};

/* Of len, what is in no gap. */
uint64_t source_wanted(const struct source_read *r);

void source_read(struct source *s, struct source_read *r);
/* From any thread, while the read runs: go on after SOURCE_PAUSE. */
void source_resume(struct source *s, struct source_read *r);
/* Asks to end soon with ECANCELED; on_done still comes.
 *
 * Both are legal until on_done returns: whoever calls from another thread than
 * on_done's makes it wait for that. */
void source_cancel(struct source *s, struct source_read *r);

struct source *source_ref(struct source *s);
void source_unref(struct source *s);

/* The first bytes of a request come slowly: several at once get more. */
bool source_has_slow_start(const struct source *s);

/* "127.0.0.1:5000/python" or "oci:/absolute/dir": for messages and state.db. */
const char *source_name(const struct source *s);

struct source_part {
	const struct digest *blob;
	uint64_t blob_size;
	uint64_t off, len;
	uint64_t avoid, gave; /* as in source_read; what is given is added */
	bool has_others;
};

/* Reads the whole of a small part into memory, blocking: tables of contents.
 * Larger ones in several requests at once, where the source is far.  `out` is
 * appended to; its ceiling holds. */
int source_read_all(
    struct source *s, struct source_part *part, struct buf *out, struct err *e);
/* What came is wrong.  True: others may have it right; read it again. */
bool source_part_reject(struct source_part *part);

/* A folder in OCI image layout.  Takes dir on success; -1: the folder that the name
 * says, "oci:/absolute/dir", as it is when it is read. */
struct source *source_new_layout(int dir, const char *name, struct err *e);

/* A repository of a registry; keeps no reference to `r`, which must outlive
 * it. */
struct source *source_new_registry(struct registry *r, const char *host,
    const char *repository, struct err *e);

/* ---- for the files that implement one ---- */

struct source_ops {
	bool has_slow_start; /* the first bytes of a request come slowly */
	void (*read)(struct source *s, struct source_read *r);
	void (*resume)(struct source *s, struct source_read *r);
	void (*cancel)(struct source *s, struct source_read *r);
	void (*free)(struct source *s);
};

/* The first member of an implementation's own struct. */
struct source {
	const struct source_ops *ops;
	char *name;
	_Atomic unsigned refs;
};

#endif
