#include "fetch/spares.h"

#include <assert.h>
#include <stddef.h>

#include "codec/decode.h"
#include "codec/gzip.h"
#include "codec/zstd.h"

void
spares_init(struct spares *s)
{
	*s = (struct spares){ 0 };
	lock_init(&s->lock, RANK_LEAF);
}

void
spares_release(struct spares *s)
{
	for (int c = 0; c < CHUNK_CODECS; c++)
		while (s->n_idle[c] > 0)
			decoder_free(s->idle[c][--s->n_idle[c]]);
	lock_destroy(&s->lock);
}

static struct decoder *
take_idle(struct spares *s, enum chunk_codec codec)
{
	LOCK_SCOPE(&s->lock);

	if (s->n_idle[codec] == 0)
		return NULL;
	return s->idle[codec][--s->n_idle[codec]];
}

struct decoder *
spares_take(struct spares *s, enum chunk_codec codec, struct err *e)
{
	struct decoder *d = take_idle(s, codec);

	assert(codec == CHUNK_ZSTD || codec == CHUNK_GZIP);
	if (d != NULL)
		return d;
	return codec == CHUNK_ZSTD ? zstd_decoder_new(e) : gzip_decoder_new(e);
}

static bool
keep(struct spares *s, enum chunk_codec codec, struct decoder *d)
{
	LOCK_SCOPE(&s->lock);

	if (s->n_idle[codec] == SPARES_MAX)
		return false;
	s->idle[codec][s->n_idle[codec]++] = d;
	return true;
}

void
spares_give(struct spares *s, enum chunk_codec codec, struct decoder *d,
    bool worth_keeping)
{
	if (!worth_keeping || !keep(s, codec, d))
		decoder_free(d);
}
