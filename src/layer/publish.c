#include "layer/publish.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer/candidates.h"
#include "layer/catalog.h"
#include "layer/distrust.h"
#include "layer/image.h"
#include "layer/layer.h"
#include "layer/notes.h"
#include "layer/profile.h"
#include "layer/profiles.h"
#include "format/layer_index.h"
#include "registry/artifact.h"
#include "registry/lookup.h"
#include "registry/reference.h"
#include "registry/referrers.h"
#include "registry/registry.h"
#include "registry/upload.h"
#include "index/index.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

enum { LOOK_MS = 20000 };

struct publishing {
	const struct publication *of;
	struct repository to;
	const struct digest *subject;
	const char *type;
	/* What is to be there, in the manifest's order. */
	struct artifact_blob *blobs;
	size_t n_blobs;
	struct buf manifest;
	struct published *out;
};

static void
publishing_release(struct publishing *x)
{
	for (size_t i = 0; i < x->n_blobs; i++) {
		descriptor_release(&x->blobs[i].descriptor);
		buf_release(&x->blobs[i].data);
	}
	free(x->blobs);
	buf_release(&x->manifest);
}

/* ---- what there is already ---- */

static struct store *
store_of(const struct publishing *x)
{
	return catalog_parts(x->of->image->catalog)->store;
}

/* Of the same image, about all that ours would be about, and no liar. */
static bool
is_as_good(const struct publishing *x, const struct buf *text)
{
	AUTO_ARTIFACT struct artifact a = { 0 };
	char why[DISTRUST_WHY_SIZE];
	struct err bad = ERR_INIT;

	if (artifact_parse(&a, text->data, text->len, &bad) < 0 ||
	    strcmp(a.type, x->type) != 0 ||
	    !digest_equal(&a.subject, x->subject) || a.n_blobs == 0 ||
	    distrust_find_any(store_of(x), &a, why))
		return false;
	for (size_t i = 0; i < x->n_blobs; i++)
		if (x->blobs[i].has_layer &&
		    artifact_find(&a, &x->blobs[i].layer) == NULL)
			return false;
	return true;
}

/* From now on it is what is spoken of. */
static void
adopt(struct publishing *x, struct buf *text)
{
	struct buf before = x->manifest;

	x->manifest = *text;
	*text = before;
	digest_of(&x->out->artifact, x->manifest.data, x->manifest.len);
}

static uint64_t
deadline(void)
{
	return clock_now_ns() + LOOK_MS * NS_PER_MS;
}

static int
adopt_good(void *ctx, struct buf *text, struct err *e)
{
	struct publishing *x = ctx;

	if (!is_as_good(x, text))
		return err_set(e, ENOENT, "none is as good");
	adopt(x, text);
	return 0;
}

/* Adopts the first that is of use among those that refer to the image; `below` as
 * candidates.h has it.  ENOENT. */
static int
adopt_another(struct publishing *x, const struct digest *below, struct err *e)
{
	const struct candidates c = { .at = &x->to,
		.subject = x->subject,
		.type = x->type,
		.below = below,
		.until_ns = deadline(),
		.use = adopt_good,
		.ctx = x };

	return candidates_try(&c, e);
}

/* ---- aliases ---- */

static int
set_alias(struct publishing *x, const char *tag, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	struct upload_manifest m = { .tag = tag,
		.media_type = ARTIFACT_MANIFEST,
		.bytes = x->manifest.data,
		.len = x->manifest.len,
		.is_cancelled = x->of->is_cancelled };
	struct err none = ERR_INIT;
	struct lookup l;

	if (tag[0] == 0)
		return 0;
	lookup_tag(&l, &x->to, tag);
	if (lookup_end(&l, deadline(), &text, &none) == 0 &&
	    is_as_good(x, &text))
		return 0;
	return upload_manifest(&x->to, &m, NULL, e);
}

static int
set_aliases(struct publishing *x, struct err *e)
{
	const struct reference *r = x->of->reference;
	char tag[ALIAS_SIZE];

	if (!x->of->has_aliases)
		return 0;
	alias_of_digest(x->subject, x->of->kind, tag);
	if (set_alias(x, tag, e) < 0)
		return -1;
	if (r->has_digest)
		return 0;
	alias_of_tag(r->tag, x->of->kind, tag);
	return set_alias(x, tag, e);
}

/* ---- sending ---- */

static int
send_manifest(struct publishing *x, struct err *e)
{
	const struct artifact_plan plan = { x->type, &x->of->image->manifest,
		x->blobs, x->n_blobs };
	struct upload_manifest m = { .media_type = ARTIFACT_MANIFEST,
		.is_cancelled = x->of->is_cancelled };
	const struct referrer_addition a = { .manifest = &m,
		.subject = x->subject,
		.artifact_type = x->type,
		.is_cancelled = x->of->is_cancelled };
	struct digest empty;

	x->manifest.len = 0;
	if (artifact_write(&plan, &x->manifest, e) < 0 ||
	    upload_bytes(&x->to, artifact_empty, strlen(artifact_empty),
		x->of->is_cancelled, &empty, e) < 0)
		return -1;
	m.bytes = x->manifest.data;
	m.len = x->manifest.len;
	digest_of(&x->out->artifact, m.bytes, m.len);
	return referrers_add(&x->to, &a, e);
}

static bool
is_cancelled(const struct publication *p)
{
	return p->is_cancelled != NULL && atomic_load(p->is_cancelled);
}

/* Who publishes another one at the same moment has looked before ours was listed,
 * and is listed himself by the time that a tag's list takes to settle
 * (registry/referrers.h).  What many make of the same layers is the same. */
static void
await_others(const struct publishing *x, uint64_t begun_ns)
{
	uint64_t until_ns = begun_ns + REFERRERS_QUIET_MS * NS_PER_MS;
	const struct timespec a_moment = { .tv_nsec = 50 * NS_PER_MS };

	while (x->of->kind == COMPANION_PROFILE && clock_now_ns() < until_ns &&
	       !is_cancelled(x->of))
		nanosleep(&a_moment, NULL);
}

/* Of those that came at once the one with the smallest digest stays: in whichever
 * order the list had them for each, all say the same of any two.  Ours is taken back
 * otherwise; whether the registry lets us is not worth a word. */
static void
yield(struct publishing *x)
{
	struct digest own = x->out->artifact;
	struct err why = ERR_INIT;

	if (adopt_another(x, &own, &why) < 0)
		return;
	x->out->outcome = PUBLISH_KNOWN;
	referrers_remove(&x->to, x->subject, &own, x->of->is_cancelled, &why);
}

static int
finish(struct publishing *x, struct err *e)
{
	uint64_t begun_ns = clock_now_ns();

	x->out->outcome = PUBLISH_DONE;
	if (send_manifest(x, e) < 0)
		return -1;
	await_others(x, begun_ns);
	yield(x);
	return set_aliases(x, e);
}

/* Others were first: their work is made easy to find, too. */
static int
leave_it(struct publishing *x, struct err *e)
{
	x->out->outcome = PUBLISH_KNOWN;
	return set_aliases(x, e);
}

/* One more blob, with its bytes at the registry. */
static int
send_blob(struct publishing *x, const struct buf *bytes, const char *type,
    const struct digest *layer, struct err *e)
{
	struct artifact_blob *b = &x->blobs[x->n_blobs];

	*b = (struct artifact_blob){ .has_layer = layer != NULL };
	if (layer != NULL)
		b->layer = *layer;
	b->descriptor.size = bytes->len;
	b->descriptor.media_type = strdup(type);
	if (b->descriptor.media_type == NULL)
		return err_set(e, ENOMEM, "an artifact");
	x->n_blobs++;
	x->out->n_blobs++;
	x->out->bytes += bytes->len;
	return upload_bytes(&x->to, bytes->data, bytes->len,
	    x->of->is_cancelled, &b->descriptor.digest, e);
}

static int
say_nothing(struct publishing *x, const char *why)
{
	x->out->outcome = PUBLISH_NOTHING;
	snprintf(x->out->why, sizeof x->out->why, "%s", why);
	return 0;
}

/* ---- an index ---- */

/* Read whole by this node, which checked it, and worth a table. */
static bool
is_own(const struct layer *l)
{
	return l != NULL && l->reason[0] != 0 && !l->has_table &&
	       l->blob_size > COMPANION_SMALL_LAYER_BYTES;
}

bool
publish_is_worth_it(const struct image *i, enum companion_kind kind)
{
	if (strncmp(i->label, "oci:", 4) == 0)
		return false;
	if (kind == COMPANION_PROFILE)
		return true;
	for (size_t n = 0; n < i->manifest.n_layers; n++)
		if (is_own(i->layers[n]))
			return true;
	return false;
}

/* Room for all that may be published, and which layers that is: for is_as_good(),
 * before any is written. */
static int
plan_index(struct publishing *x, struct err *e)
{
	const struct image *i = x->of->image;

	x->blobs = calloc(i->manifest.n_layers + 1, sizeof *x->blobs);
	if (x->blobs == NULL)
		return err_set(e, ENOMEM, "an artifact");
	for (size_t n = 0; n < i->manifest.n_layers; n++)
		if (is_own(i->layers[n]))
			x->blobs[x->n_blobs++] = (struct artifact_blob){
				.has_layer = true,
				.layer = i->layers[n]->digest,
			};
	return 0;
}

/* One that cannot be read in parts, whatever is known of it, is left out. */
static int
send_table(struct publishing *x, const struct layer *l, struct err *e)
{
	AUTO_BUF struct buf bytes = BUF_INIT(LIMIT_TOC_COMPRESSED_BYTES);

	if (layer_write_portable(l, &bytes, e) < 0)
		return e->code == ENOTSUP ? 0 : -1;
	return send_blob(x, &bytes, ARTIFACT_LAYER_INDEX, &l->digest, e);
}

static int
send_tables(struct publishing *x, struct err *e)
{
	const struct image *i = x->of->image;
	size_t n_planned = x->n_blobs, done = 0;

	x->n_blobs = 0;
	for (size_t n = 0; done < n_planned; n++) {
		const struct layer *l = i->layers[n];

		if (!is_own(l))
			continue;
		done++;
		if (send_table(x, l, e) < 0)
			return -1;
	}
	return 0;
}

static int
publish_index(struct publishing *x, struct err *e)
{
	struct err none = ERR_INIT;

	if (plan_index(x, e) < 0)
		return -1;
	if (x->n_blobs == 0)
		return say_nothing(
		    x, "it has no layer that this node read whole");
	if (adopt_another(x, NULL, &none) == 0)
		return leave_it(x, e);
	if (send_tables(x, e) < 0)
		return -1;
	if (x->n_blobs == 0)
		return say_nothing(
		    x, "none of its layers can be read in parts");
	return finish(x, e);
}

/* ---- a profile ---- */

static int
publish_profile(struct publishing *x, struct err *e)
{
	AUTO_BUF struct buf bytes = BUF_INIT(LIMIT_PROFILE_BYTES);
	AUTO_PROFILE struct profile *p = NULL;
	struct err none = ERR_INIT;

	p = profiles_load(store_of(x), x->subject, &none);
	if (p == NULL)
		return say_nothing(x, "no profile of it is known");
	if (adopt_another(x, NULL, &none) == 0)
		return leave_it(x, e);
	x->blobs = calloc(1, sizeof *x->blobs);
	if (x->blobs == NULL)
		return err_set(e, ENOMEM, "an artifact");
	if (profile_write(p, &bytes, e) < 0 ||
	    send_blob(x, &bytes, ARTIFACT_PROFILE, NULL, e) < 0)
		return -1;
	x->blobs[0].data = bytes;
	bytes = BUF_INIT(0);
	return finish(x, e);
}

/* What was found absent may be there now. */
static void
forget_absence(const struct publishing *x)
{
	const struct reference *r = x->of->reference;

	companions_forget_absence(x->of->image->catalog, r, x->subject);
}

static void
tell(const struct publication *x, const struct published *p)
{
	const char *what = x->kind == COMPANION_INDEX ? "index" : "profile";

	if (p->outcome == PUBLISH_DONE)
		log_event(LOG_LEVEL_INFO, LOG_EVENT_published,
		    LOG_FIELDS({ "reference", x->reference->name },
			{ "artifact", DIGEST_TEXT(&p->artifact) },
			{ "what", what }),
		    "%s: its %s is published, %s", x->reference->name, what,
		    SIZE_TEXT(p->bytes));
	else
		log_debug("%s: %s: %s", x->reference->name, what,
		    p->outcome == PUBLISH_KNOWN ? "somebody was first"
						: p->why);
}

int
publish(const struct publication *p, struct published *out, struct err *e)
{
	const struct reference *r = p->reference;
	CLEANUP(publishing_release)
	struct publishing x = {
		.of = p,
		.to = { catalog_parts(p->image->catalog)->registry, r->host,
		    r->repository },
		.subject = &p->image->manifest.digest,
		.type = p->kind == COMPANION_INDEX ? ARTIFACT_INDEX
						   : ARTIFACT_PROFILE,
		.manifest = BUF_INIT(LIMIT_MANIFEST_BYTES),
		.out = out,
	};
	int rc;

	*out = (struct published){ 0 };
	rc = p->kind == COMPANION_INDEX ? publish_index(&x, e)
					: publish_profile(&x, e);
	if (rc < 0)
		return err_wrap(e, "%s: publishing", r->name);
	forget_absence(&x);
	tell(p, out);
	return 0;
}
