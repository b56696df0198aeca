/* Podman's and CRI-O's additional layer store: RUN/store, a file system in
 * which they look a layer up before they download it, and which they then use in
 * its place (runtime/store_path.h; containers/storage's storage.conf has
 *
 *	additionallayerstores = ["/run/layerfs/store:ref"]).
 *
 *	diff   a link to RUN/m/ID, a showing of that one layer
 *	info   what podman keeps of it (runtime/store_info.h)
 *	blob   as the registry has it, read from there: for podman push and save
 *	use    making it, which fails with ENOENT, counts one use
 *	DIGEST removing it, which fails with ENOENT, counts one less
 *
 * A look at a layer that is not known opens the image it names; what makes that
 * impossible is noted, and there is no such file: podman downloads the layer.
 * Uses are counted in state.db and hold the image; after a restart a container
 * starts from its path alone.
 */
#ifndef RUNTIME_LAYER_STORE_H
#define RUNTIME_LAYER_STORE_H

#include <stdint.h>

struct catalog;
struct db;
struct err;
struct held;
struct layer_store;
struct loop;
struct mount_server;
struct reference;
struct showings;

struct layer_store_parts {
	struct db *db;
	struct catalog *catalog;
	struct mount_server *server;
	struct showings *showings;
	struct loop *loop;
	/* Gives the registry client what credentials there are; may be NULL. */
	void (*authorise)(void *ctx, const struct reference *r);
	void *ctx;
	uint32_t timeout_ms;        /* for a registry to answer */
	uint64_t whole_layer_bytes; /* see runtime/snapshotter.h */
	uint64_t small_layer_bytes;
};

/* Mounts it, or goes on with what an earlier worker left in h ("fuse:" and
 * AGENT_STORE_ID; NULL: none), whose descriptor it takes on success.  Resumes
 * its showings: so before showings_drop_unclaimed().  The parts are borrowed.
 * The loop's thread. */
struct layer_store *layer_store_new(
    const struct layer_store_parts *p, struct held *h, struct err *e);
/* The mount stays, for the next worker.  After mount_server_free(), before
 * showings_free(). */
void layer_store_free(struct layer_store *s);

#endif
