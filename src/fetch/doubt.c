#include "fetch/doubt.h"

#include <stdlib.h>
#include <string.h>

#include "fetch/fetcher.h"
#include "fetch/inflight.h"

/* Who gives wrong bytes by chance gives others the next time. */
enum { SAME_TRIES = 2 };

void
doubt_note(const struct inflight *i)
{
	struct blob *b = i->blob;
	struct fetcher *f = b->fetcher;

	if (i->same < SAME_TRIES)
		return;
	b->doubt =
	    (struct doubt){ i->chunk.blob_off, i->chunk.blob_len, i->came };
	if (f->on_doubt != NULL)
		f->on_doubt(f->doubt_ctx);
}

void
doubt_release(struct blob *b)
{
	free(b->lie);
}

bool
blob_has_doubt(struct blob *b)
{
	LOCK_SCOPE(&b->fetcher->lock);

	return b->doubt.blob_len > 0;
}

bool
blob_take_doubt(struct blob *b, struct doubt *out)
{
	LOCK_SCOPE(&b->fetcher->lock);

	*out = b->doubt;
	b->doubt = (struct doubt){ 0 };
	return out->blob_len > 0;
}

void
blob_condemn(struct blob *b, const char *why)
{
	LOCK_SCOPE(&b->fetcher->lock);

	if (b->lie == NULL)
		b->lie = strdup(why);
}

void
fetcher_watch_doubts(struct fetcher *f, void (*fn)(void *ctx), void *ctx)
{
	LOCK_SCOPE(&f->lock);

	f->on_doubt = fn;
	f->doubt_ctx = ctx;
}
