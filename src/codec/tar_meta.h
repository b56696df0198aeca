/* Extended headers: what they say of the entry that follows them.  Private to
 * the tar parser.
 *
 * tar_meta_begin, tar_meta_feed until it is complete; tar_meta_forget when the
 * entry that it was said of has passed.
 */
#ifndef CODEC_TAR_META_H
#define CODEC_TAR_META_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/tar_pax.h"
#include "base/bytes.h"

struct err;

struct tar_meta {
	bool has_long_name, has_long_link;
	bool has_global;                 /* ever since */
	struct buf long_name, long_link; /* GNU's L and K */
	struct tar_pax pax;              /* points into pax_text */
	struct buf pax_text, global_text;

	/* The one that is being read. */
	struct buf *text;
	uint64_t left;
	uint8_t type;
};

void tar_meta_init(struct tar_meta *m);
void tar_meta_release(struct tar_meta *m);

static inline bool
tar_meta_is_type(uint8_t type)
{
	return type == 'L' || type == 'K' || type == 'x' || type == 'g';
}

int tar_meta_begin(
    struct tar_meta *m, uint8_t type, uint64_t size, struct err *e);
/* At most m->left bytes; complete when none is left. */
int tar_meta_feed(
    struct tar_meta *m, const uint8_t *p, size_t n, struct err *e);

void tar_meta_forget(struct tar_meta *m);
/* Something was said of an entry that has not come. */
bool tar_meta_is_owed(const struct tar_meta *m);

#endif
