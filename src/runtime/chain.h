/* A snapshot's ancestors, from state.db: what lies below its own files. */
#ifndef RUNTIME_CHAIN_H
#define RUNTIME_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/digest.h"

struct db;
struct err;

struct chain_link {
	uint64_t number;
	bool is_remote; /* then: */
	struct digest image;
	int layer;
	char *label;
	struct digest chain; /* that it stands for; zero where unknown */
};

struct chain {
	struct chain_link *links; /* the top one first */
	size_t n;
};

#define AUTO_CHAIN CLEANUP(chain_release)

/* `top` is the number of the parent, 0 for none. */
int chain_read(struct db *d, uint64_t top, struct chain *out, struct err *e);
void chain_release(struct chain *c);

#endif
