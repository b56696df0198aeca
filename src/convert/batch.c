#include "convert/batch.h"

#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"

struct batch *
batch_new(struct err *e)
{
	struct batch *b = malloc(sizeof *b);

	if (b == NULL) {
		err_set(e, ENOMEM, "a batch");
		return NULL;
	}
	list_init(&b->link);
	b->bytes = b->memory + CHUNKER_WINDOW;
	buf_init(&b->pieces, MIB(16));
	buf_init(&b->text, MIB(64));
	buf_init(&b->frames, MIB(16));
	batch_clear(b);
	return b;
}

void
batch_free(struct batch *b)
{
	buf_release(&b->pieces);
	buf_release(&b->text);
	buf_release(&b->frames);
	free(b);
}

void
batch_clear(struct batch *b)
{
	b->is_pressed = false;
	b->failure = ERR_INIT;
	b->pieces.len = b->text.len = b->frames.len = 0;
	b->len = 0;
}

int
batch_add(struct batch *b, const struct piece *p, struct err *e)
{
	return buf_append(&b->pieces, p, sizeof *p, e);
}
