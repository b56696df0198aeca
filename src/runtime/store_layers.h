/* The layers that podman looks at or uses: which layer of which image each is,
 * its showing, how often it is in use.
 *
 *	unknown -> opening -> shown (unused: 15 s) -> unknown
 *	                      |  ^
 *	                     use release
 *	                      v  |
 *	                      in use: counted in state.db, its image is held
 *
 * One that an index showed that lied stays as it is while it is in use; then the next
 * look has it made from the blob.
 *
 * After a restart those in use are known again, and shown when looked at; no
 * registry is asked.
 *
 * Any thread, but store_layers_use() and _release() from one at a time: their
 * order is that of the counts.
 */
#ifndef RUNTIME_STORE_LAYERS_H
#define RUNTIME_STORE_LAYERS_H

#include <stdint.h>

#include "supervisor/agent.h"
#include "base/digest.h"

struct catalog;
struct db;
struct err;
struct image;
struct showings;
struct store_layers;
struct store_path;

struct store_layers_parts {
	struct db *db;
	struct catalog *catalog;
	struct showings *showings;
	/* The image of a reference, from wherever it is; with `manifest`, that
	 * one.  May ask registries. */
	struct image *(*open)(void *ctx, const char *reference,
	    const struct digest *manifest, struct err *e);
	void *ctx;
};

/* Knows what earlier lives counted, and resumes its showings.  The parts are
 * borrowed. */
struct store_layers *store_layers_new(
    const struct store_layers_parts *p, struct err *e);
/* The showings stay, for the next worker; before showings_free(). */
void store_layers_free(struct store_layers *s);

/* What podman is told of a layer. */
struct store_answer {
	char id[AGENT_ID_MAX + 1]; /* its tree is RUN/m/ID */
	char *info;                /* JSON, the caller's */
	struct digest blob;
	uint64_t blob_size;
};

/* Never blocks: false when it is not shown. */
bool store_layers_find(struct store_layers *s, const struct store_path *p,
    struct store_answer *out);
/* The same; made visible when it is not.  *asks_nobody in: give up (EAGAIN)
 * where that needs a registry.  Blocking.  ENOENT: not to be had, and noted
 * why. */
int store_layers_take(struct store_layers *s, const struct store_path *p,
    bool asks_nobody, struct store_answer *out, struct err *e);

/* ENOENT: nobody looked at it. */
int store_layers_use(
    struct store_layers *s, const struct store_path *p, struct err *e);
/* ENOENT: it was not in use. */
int store_layers_release(
    struct store_layers *s, const struct store_path *p, struct err *e);

/* Every few seconds: hides what is a lie, or is not in use and was not looked at in the
 * last three rounds.  They are counted, as time passes for a machine that stands still,
 * and podman counts what it has looked at as soon as it goes on.  Blocking. */
void store_layers_expire(struct store_layers *s);

#endif
