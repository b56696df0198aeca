/* A source for tests that does what it is told: answers on a thread of its own,
 * late, short, wrong, or not at all.  Only test_*.c includes it.
 */
#ifndef FETCH_FAKE_SOURCE_H
#define FETCH_FAKE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "registry/source.h"

enum { FAKE_LOG = 4096 };

/* What a request gets. */
struct fake_answer {
	int code;       /* fails so, after `bytes` bytes; 0: does not */
	bool is_wrong;  /* every byte is another */
	bool is_short;  /* claims to have given all, half way */
	uint64_t bytes; /* before it fails */
};

struct fake_request {
	uint64_t off, len;
	uint64_t wanted; /* of len */
	enum source_priority priority;
};

struct fake;

/* The bytes are borrowed. */
struct fake *fake_new(const char *name, const uint8_t *blob, size_t n);
/* The test's reference is the one it starts with: source_unref() it.  The last
 * waits for the thread. */
struct source *fake_source(struct fake *f);

/* What all requests get from now on; and, before that, the next one (a few may
 * wait their turn, more are forgotten). */
void fake_answer(struct fake *f, struct fake_answer always);
void fake_answer_next(struct fake *f, struct fake_answer next);
/* Bytes given to on_bytes at a time. */
void fake_set_step(struct fake *f, size_t bytes);
/* Answers inside source_read() and source_resume(). */
void fake_set_synchronous(struct fake *f);

/* Its requests start slowly: what is large is asked for in parts. */
void fake_set_far(struct fake *f);
/* Reads that need a range fail with ENOTSUP. */
void fake_set_rangeless(struct fake *f);

/* It leaves out gaps; otherwise it says that it cannot. */
void fake_set_parts(struct fake *f);

/* Requests wait between the two. */
void fake_hold(struct fake *f);
void fake_release(struct fake *f);

/* How many requests came; the n-th. */
unsigned fake_count(struct fake *f);
struct fake_request fake_request(struct fake *f, unsigned n);
/* Blocks until so many have come. */
void fake_await(struct fake *f, unsigned count);
/* Blocks until all that came have ended. */
void fake_await_end(struct fake *f);
unsigned fake_pauses(struct fake *f);

#endif
