/* The progress of one request, drawn on a terminal: a line for the whole and
 * one for each layer that is under way, drawn over itself and erased at the
 * end.  Where standard error is no terminal nothing is written, ever.
 *
 *	progress_init -> progress_take* -> progress_release (erases)
 *
 * What the daemon says is not trusted: numbers are clamped, layers counted.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"

struct doc;

struct progress_layer {
	struct digest digest;
	int64_t done, total; /* bytes */
};

struct progress {
	bool is_shown;
	char stage[16];
	struct progress_layer whole; /* of events that name no layer */
	struct progress_layer *layers;
	size_t n_layers;
	unsigned lines; /* on the screen now */
	uint64_t draw_again_ns;
};

enum { PROGRESS_LAYERS_SHOWN = 6 };

void progress_init(struct progress *p, bool is_wanted);
/* Erases what is on the screen. */
void progress_release(struct progress *p);

/* An event of the protocol; others than "progress" are ignored. */
void progress_take(struct progress *p, const struct doc *event);

/* Appends the picture as lines of at most `width` columns, each with its
 * newline; returns how many. */
unsigned progress_render(
    const struct progress *p, size_t width, struct buf *out);

#endif
