/* One place where somebody sees an image or layer: what `layerfs ls` lists and
 * state.db keeps.  Owned by mounts.c, which guards it. */
#ifndef DAEMON_ATTACHMENT_H
#define DAEMON_ATTACHMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/list.h"

struct db;
struct doc;
struct err;
struct image;
struct showing;

enum { ATTACHMENT_ID_SIZE = 40 };

struct attachment {
	struct list link;
	char id[ATTACHMENT_ID_SIZE];
	char *label;  /* the reference */
	char *target; /* absolute path */
	struct digest image;
	int layer; /* or IMAGE_MERGED */
	int64_t since_s;
	bool is_rw;         /* an overlayfs of its own at RUN/m/ID */
	bool is_detachable; /* the client put it in place itself */
	bool was_seen;      /* in /proc/self/mountinfo */
	bool is_borrowed;   /* by who notes it: stays listed, and as it is */
	bool has_patience;  /* it declares one: a showing of its own */
	uint32_t patience_ms;
	int64_t resolved_s; /* when a registry said what the reference means;
			       0: it is a digest */
	bool is_stale;      /* none answered when it was mounted */
	struct showing *showing;
};

struct attachment *attachment_new(
    const struct image *i, int layer, const char *target, struct err *e);
void attachment_free(struct attachment *a);

/* In state.db. */
int attachment_note(const struct attachment *a, struct db *db, struct err *e);
int attachment_forget(const struct attachment *a, struct db *db, struct err *e);

/* Every noted one; fn takes it. A row that cannot be read is removed. */
int attachment_each_noted(struct db *db,
    int (*fn)(void *ctx, struct attachment *take), void *ctx, struct err *e);

/* As `ls` shows it. */
struct doc *attachment_to_doc(const struct attachment *a);

#endif
