#include "layer/companions.h"

#include <errno.h>
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
#include "layer/recordings.h"
#include "layer/soci_tables.h"
#include "format/layer_index.h"
#include "format/soci_index.h"
#include "registry/artifact.h"
#include "registry/lookup.h"
#include "registry/reference.h"
#include "registry/registry.h"
#include "registry/source.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"

enum {
	NAME_SIZE = LIMIT_REFERENCE_BYTES + ALIAS_SIZE,
	REASON_SIZE = 96,
	ABSENT_S = 300,
};

struct alias {
	char tag[ALIAS_SIZE]; /* "": there is none */
	char name[NAME_SIZE]; /* of its absence */
	struct lookup lookup;
	bool is_asked; /* and not yet waited for */
};

struct companions {
	struct catalog *catalog;
	struct repository at;
	char *host, *path;
	bool believes; /* an index */
	struct alias aliases[2];
	uint64_t asked_ns;

	struct artifact index;  /* no blobs: none */
	struct soci_index soci; /* no tables: none */
	struct layer_table *tables;
	char reason[REASON_SIZE];
};

int
companions_parse_trust(const char *word)
{
	static const char *const words[] = { "tag", "always", "never" };

	for (int i = 0; i < 3; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

/* ---- aliases ---- */

static void
name_alias(struct alias *a, const struct reference *r, enum companion_kind kind)
{
	if (r->has_digest)
		alias_of_digest(&r->digest, kind, a->tag);
	else
		alias_of_tag(r->tag, kind, a->tag);
	snprintf(a->name, sizeof a->name, "%s/%s:%s", r->host, r->repository,
	    a->tag);
}

static void
name_referrers(const char *host, const char *path, const struct digest *d,
    char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "%s/%s@%s", host, path, DIGEST_TEXT(d));
}

void
companions_forget_absence(
    struct catalog *c, const struct reference *r, const struct digest *manifest)
{
	char name[NAME_SIZE];
	struct alias a;

	for (int kind = 0; kind < 2; kind++) {
		name_alias(&a, r, kind);
		notes_drop(catalog_notes(c), a.name);
	}
	name_referrers(r->host, r->repository, manifest, name);
	notes_drop(catalog_notes(c), name);
}

struct companions *
companions_new(struct catalog *c, const struct reference *r)
{
	enum companions_trust trust = catalog_parts(c)->trust;
	struct companions *k;

	if (r->is_layout || trust == TRUST_NEVER ||
	    (k = calloc(1, sizeof *k)) == NULL)
		return NULL;
	k->catalog = c;
	k->host = strdup(r->host);
	k->path = strdup(r->repository);
	k->at =
	    (struct repository){ catalog_parts(c)->registry, k->host, k->path };
	k->believes = trust == TRUST_ALWAYS || !r->has_digest;
	if (k->host == NULL || k->path == NULL) {
		companions_free(k);
		return NULL;
	}
	name_alias(&k->aliases[COMPANION_INDEX], r, COMPANION_INDEX);
	name_alias(&k->aliases[COMPANION_PROFILE], r, COMPANION_PROFILE);
	return k;
}

/* ---- asking ---- */

static void
ask(struct companions *k, struct alias *a)
{
	if (a->is_asked || a->tag[0] == 0 ||
	    notes_have(catalog_notes(k->catalog), a->name))
		return;
	lookup_tag(&a->lookup, &k->at, a->tag);
	a->is_asked = true;
}

void
companions_ask(struct companions *k)
{
	if (k == NULL)
		return;
	k->asked_ns = clock_now_ns();
	if (k->believes)
		ask(k, &k->aliases[COMPANION_INDEX]);
	ask(k, &k->aliases[COMPANION_PROFILE]);
}

static void
give_up(struct alias *a)
{
	if (a->is_asked)
		lookup_drop(&a->lookup);
	a->is_asked = false;
}

/* ---- answers ---- */

/* What an artifact has to be, to be of use. */
struct expected {
	struct companions *companions;
	const char *type;
	const struct digest *subject;
};

static int
check_artifact(
    const struct expected *x, const struct artifact *a, struct err *e)
{
	const struct catalog *c = x->companions->catalog;
	char why[DISTRUST_WHY_SIZE];

	if (strcmp(a->type, x->type) != 0)
		return err_set(e, EBADMSG, "it is something else");
	if (!digest_equal(&a->subject, x->subject))
		return err_set(e, ESTALE, "it is of another manifest");
	if (a->n_blobs == 0)
		return err_set(e, EBADMSG, "it is empty");
	if (distrust_find_any(catalog_parts(c)->store, a, why))
		return err_set(e, EBADMSG, "it lied: %.200s", why);
	return 0;
}

static int
read_artifact(const struct expected *x, const struct buf *text,
    struct artifact *out, struct err *e)
{
	struct artifact a;

	if (artifact_parse(&a, text->data, text->len, e) < 0)
		return -1;
	if (check_artifact(x, &a, e) < 0) {
		artifact_release(&a);
		return -1;
	}
	*out = a;
	return 0;
}

/* ENOENT is remembered. */
static int
take_answer(struct companions *k, enum companion_kind kind,
    const struct digest *subject, uint64_t until_ns, struct artifact *out,
    struct err *e)
{
	struct alias *a = &k->aliases[kind];
	const struct expected x = { k,
		kind == COMPANION_INDEX ? ARTIFACT_INDEX : ARTIFACT_PROFILE,
		subject };
	AUTO_BUF struct buf text = { 0 };
	int rc;

	if (!a->is_asked)
		return err_set(e, ENOENT, "not asked");
	a->is_asked = false;
	rc = lookup_end(&a->lookup, until_ns, &text, e);
	if (rc < 0 && e->code == ENOENT)
		notes_add(catalog_notes(k->catalog), a->name, ABSENT_S);
	if (rc < 0)
		return -1;
	return read_artifact(&x, &text, out, e);
}

/* ---- by who refers to the manifest ---- */

static int
use_index(void *ctx, struct buf *text, struct err *e)
{
	const struct expected *x = ctx;

	return read_artifact(x, text, &x->companions->index, e);
}

static int
try_referrers(struct companions *k, const struct digest *subject,
    uint64_t until_ns, struct err *e)
{
	struct expected x = { k, ARTIFACT_INDEX, subject };
	const struct candidates c = { .at = &k->at,
		.subject = subject,
		.type = ARTIFACT_INDEX,
		.until_ns = until_ns,
		.use = use_index,
		.ctx = &x };

	return candidates_try(&c, e);
}

/* Ours before SOCI's: it knows every file's digest. */
static int
try_all_referrers(
    struct companions *k, const struct soci_question *q, struct err *e)
{
	if (try_referrers(k, &q->manifest->digest, q->until_ns, e) == 0)
		return 0;
	return e->code == ENOENT ? soci_find(q, &k->soci, e) : -1;
}

static int
find_by_referrers(
    struct companions *k, const struct soci_question *q, struct err *e)
{
	struct notes *known = catalog_notes(k->catalog);
	char name[NAME_SIZE];
	int rc;

	name_referrers(k->host, k->path, &q->manifest->digest, name);
	if (notes_have(known, name))
		return err_set(e, ENOENT, "there was none lately");
	rc = try_all_referrers(k, q, e);
	if (rc < 0 && e->code == ENOENT)
		notes_add(known, name, ABSENT_S);
	return rc;
}

/* ---- the index ---- */

/* One that is not here, is worth a table, and has none of its own. */
static bool
wants_table(const struct image *i, size_t layer)
{
	const struct descriptor *d = &i->manifest.layers[layer];
	struct err why = ERR_INIT;

	return i->layers[layer] == NULL &&
	       d->size > COMPANION_SMALL_LAYER_BYTES &&
	       layer_foresee(d, NULL, &why) == NULL && why.code == ENOTSUP;
}

static bool
wants_index(const struct image *i)
{
	for (size_t n = 0; n < i->manifest.n_layers; n++)
		if (wants_table(i, n))
			return true;
	return false;
}

static void
set_table(struct companions *k, size_t n, const struct digest *layer)
{
	const struct artifact_blob *b = artifact_find(&k->index, layer);
	const struct descriptor *soci = soci_index_find(&k->soci, layer);

	if (b != NULL &&
	    strcmp(b->descriptor.media_type, ARTIFACT_LAYER_INDEX) == 0)
		k->tables[n] = (struct layer_table){
			.format = &format_layer_index,
			.blob = &b->descriptor,
		};
	else if (soci != NULL)
		k->tables[n] = (struct layer_table){
			.format = &format_soci,
			.blob = soci,
		};
}

static void
set_tables(struct companions *k, const struct image *i)
{
	k->tables = calloc(i->manifest.n_layers + 1, sizeof *k->tables);
	for (size_t n = 0; k->tables != NULL && n < i->manifest.n_layers; n++)
		set_table(k, n, &i->manifest.layers[n].digest);
	snprintf(k->reason, sizeof k->reason,
	    "the index beside the image has no table of it");
}

static uint64_t
wait_deadline(const struct companions *k)
{
	uint64_t ms = catalog_parts(k->catalog)->companions_wait_ms;

	return clock_now_ns() + ms * NS_PER_MS;
}

/* Reading whole takes longer than any answer that is worth waiting for. */
static uint64_t
index_deadline(const struct companions *k, uint64_t took_ns)
{
	return max_u64(wait_deadline(k),
	    clock_now_ns() + min_u64(4 * took_ns, 3000 * NS_PER_MS));
}

/* What the manifest names is believed as the manifest is. */
static int
find_index(struct companions *k, const struct image *i, uint64_t took_ns,
    struct err *e)
{
	const struct manifest *m = &i->manifest;
	uint64_t until_ns = index_deadline(k, took_ns);
	struct soci_question q = {
		.at = &k->at, .manifest = m, .asks_referrers = k->believes
	};
	struct err useless = ERR_INIT;
	int rc;

	if (k->believes)
		ask(k, &k->aliases[COMPANION_INDEX]);
	if (k->believes && take_answer(k, COMPANION_INDEX, &m->digest, until_ns,
			       &k->index, &useless) == 0)
		return 0;
	q.until_ns = index_deadline(k, took_ns);
	rc = soci_is_named(m) ? soci_find(&q, &k->soci, e)
			      : find_by_referrers(k, &q, e);
	if (rc < 0 && e->code == ENOENT && useless.code == EBADMSG)
		*e = useless;
	return rc;
}

static void
meet_index(struct companions *k, const struct image *i, uint64_t took_ns)
{
	struct err why = ERR_INIT;

	if ((!k->believes && !soci_is_named(&i->manifest)) || !wants_index(i)) {
		give_up(&k->aliases[COMPANION_INDEX]);
		return;
	}
	if (find_index(k, i, took_ns, &why) == 0) {
		set_tables(k, i);
		return;
	}
	if (why.code == ENOENT)
		return;
	snprintf(k->reason, sizeof k->reason,
	    "the index beside it is of no use: %.60s", why.msg);
	log_info("%s: %s", i->label, why.msg);
}

/* ---- the profile ---- */

static struct profile *
read_profile(
    const struct companions *k, const struct artifact *a, struct err *e)
{
	AUTO_BUF struct buf bytes = BUF_INIT(LIMIT_PROFILE_BYTES);
	const struct artifact_blob *b = &a->blobs[0];
	struct source *s;
	int rc;

	if (b->data.data != NULL)
		return profile_parse(b->data.data, b->data.len, e);
	s = source_new_registry(k->at.registry, k->host, k->path, e);
	if (s == NULL)
		return NULL;
	rc = source_read_verified(s, &b->descriptor, &bytes, e);
	source_unref(s);
	return rc < 0 ? NULL : profile_parse(bytes.data, bytes.len, e);
}

static int
take_profile(struct companions *k, const struct image *i, uint64_t until_ns,
    struct err *e)
{
	const struct digest *subject = &i->manifest.digest;
	AUTO_ARTIFACT struct artifact a = { 0 };
	AUTO_PROFILE struct profile *p = NULL;

	if (take_answer(k, COMPANION_PROFILE, subject, until_ns, &a, e) < 0 ||
	    (p = read_profile(k, &a, e)) == NULL ||
	    profile_check_image(p, &i->manifest, e) < 0)
		return -1;
	return recordings_replace(
	    catalog_recordings(k->catalog), subject, p, e);
}

/* Asked at the same time as the manifest, it comes at the same time; and a start
 * without takes longer than a registry that is a little late. */
static void
meet_profile(struct companions *k, const struct image *i)
{
	struct alias *a = &k->aliases[COMPANION_PROFILE];
	uint64_t until_ns = wait_deadline(k);
	struct err e = ERR_INIT;

	if (!a->is_asked)
		return;
	if (profiles_has(
		catalog_parts(k->catalog)->store, &i->manifest.digest)) {
		give_up(a);
		return;
	}
	if (take_profile(k, i, until_ns, &e) < 0) {
		if (e.code != ENOENT)
			log_info("%s: profile: %s", i->label, e.msg);
		return;
	}
	log_info("%s: starts by a profile found beside it", i->label);
}

/* ---- together ---- */

void
companions_meet(struct companions *k, const struct image *i)
{
	uint64_t took_ns;

	if (k == NULL)
		return;
	took_ns = k->asked_ns == 0 ? 0 : clock_now_ns() - k->asked_ns;
	meet_index(k, i, took_ns);
	meet_profile(k, i);
}

const struct layer_table *
companions_table(const struct companions *k, size_t layer)
{
	if (k == NULL || k->tables == NULL || k->tables[layer].blob == NULL)
		return NULL;
	return &k->tables[layer];
}

const char *
companions_reason(const struct companions *k)
{
	return k == NULL ? "" : k->reason;
}

void
companions_free(struct companions *k)
{
	if (k == NULL)
		return;
	give_up(&k->aliases[COMPANION_INDEX]);
	give_up(&k->aliases[COMPANION_PROFILE]);
	artifact_release(&k->index);
	soci_index_release(&k->soci);
	free(k->tables);
	free(k->host);
	free(k->path);
	free(k);
}
