/* Labels of snapshots: what may be kept, and what those of containerd and its
 * clients mean.  A set of labels is a document, an object of texts.
 *
 * Pure.
 */
#ifndef RUNTIME_LABELS_H
#define RUNTIME_LABELS_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/agent.h"
#include "base/digest.h"

struct doc;
struct err;

enum {
	LABEL_BYTES_MAX = 4096, /* key and value together, as containerd */
	LABELS_MAX = 128,       /* of one snapshot */
};

/* The chain id that an unpacked layer stands for. */
#define LABEL_CHAIN "containerd.io/snapshot.ref"
/* "CONTAINER:HOST:COUNT", several with commas between. */
#define LABEL_UIDS "containerd.io/snapshot/uidmapping"
#define LABEL_GIDS "containerd.io/snapshot/gidmapping"

/* Sets one; as in containerd an empty value takes it away.  EINVAL past the
 * limits. */
int labels_set(
    struct doc *labels, const char *key, const char *value, struct err *e);

/* A set as it was written down (doc_to_json()).  EBADMSG: it is none. */
struct doc *labels_parse(const char *text, struct err *e);

bool labels_equal(struct doc *a, struct doc *b);

/* The layer that a Prepare's labels ask for, in the words of
 *
 *	CRI, moby, nerdctl  containerd.io/snapshot/cri.image-ref,
 *	                    .manifest-digest, .layer-digest
 *	ctr-remote          containerd.io/snapshot/remote/stargz.reference,
 *	                    .digest
 *	all                 containerd.io/snapshot.ref; it alone means a chain
 *	                    that is known already
 *
 * (The labels that list the following layers tell nothing that the manifest
 * does not.) */
struct remote_request {
	struct digest chain;
	const char *reference; /* borrowed from the labels; NULL: none */
	bool has_manifest, has_layer;
	struct digest manifest, layer;
	bool is_promised; /* the runtime has it from us, and no blob: what is to
			     be read whole is, however large */
};

/* *is_remote is false when no layer is asked for.  EINVAL: one is, wrongly. */
int labels_find_remote(const struct doc *labels, struct remote_request *out,
    bool *is_remote, struct err *e);

/* Where the ids of a container are on this machine: LABEL_UIDS, LABEL_GIDS,
 * "INSIDE:OUTSIDE:COUNT,...".  One label alone leaves the other ids as they
 * are.  *is_mapped is false without any.  EINVAL: a label that says something
 * else, or not where root is. */
struct label_maps {
	struct agent_id_map uids, gids;
};
int labels_find_maps(const struct doc *labels, struct label_maps *out,
    bool *is_mapped, struct err *e);

/* On this machine, of root in the container. */
uint32_t label_map_root(const struct agent_id_map *m);

#endif
