/* What the snapshotter stands on, for tests: a catalog with one image of up to
 * four layers, showings, and a supervisor that counts folders.  Linked instead
 * of layer/, mount/ and supervisor/.
 */
#ifndef RUNTIME_FAKE_FLOORS_H
#define RUNTIME_FAKE_FLOORS_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/agent.h"
#include "base/digest.h"

enum { FAKE_LAYERS_MAX = 4, FAKE_FOLDERS_MAX = 64 };

struct fake_floors {
	/* The image: "127.0.0.1:5000/fake:1". */
	unsigned n_layers;
	bool is_missing[FAKE_LAYERS_MAX]; /* the layer could not be opened */
	bool is_away;                     /* the registry fails */
	bool is_known;                    /* catalog_find_chain() has it */
	bool has_lied;                    /* an index of it */
	bool is_damaged; /* its layer 1 was, and is made again when opened */
	_Atomic bool is_stalled; /* the registry does not answer */

	/* What was done. */
	_Atomic unsigned openings;
	_Atomic unsigned fallbacks;
	char reason[200];   /* the last */
	_Atomic int images; /* references to it */
	_Atomic int holds;
	_Atomic int showings;                       /* users */
	uint64_t first;                             /* number of a folder */
	_Atomic unsigned folders[FAKE_FOLDERS_MAX]; /* 1: fs, 2: and work */
	uint32_t uid, gid;                          /* of the last */
	uint64_t like;
	unsigned measured;
	unsigned mapped;         /* lower folders that have other owners */
	struct agent_id_map map; /* of the last, uids */
	uint64_t theirs;         /* a snapshot whose folder has them anyway */
	bool is_old;             /* the kernel cannot do that */
	bool is_full;            /* making folders fails */
	unsigned survived; /* showings that can be resumed: FAKE_SHOWING() */
};

extern struct fake_floors fake;

/* An image of three layers, and nothing done. */
void fake_begin(void);

/* Of a layer, or IMAGE_MERGED. */
#define FAKE_SHOWING(layer) (1u << ((layer) + 1))

#define FAKE_REFERENCE "127.0.0.1:5000/fake:1"

/* Of a snapshot. */
_Atomic unsigned *fake_folder(uint64_t number);

struct digest fake_manifest(void);
struct digest fake_layer(unsigned layer);
struct digest fake_chain(unsigned layer);

#endif
