/* Changing a list of referrers that is a tag: referrers.h says how it stays. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "registry/client.h"
#include "registry/referrers.h"
#include "registry/upload.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/limits.h"

enum {
	FIRST_PAUSE_MS = 100, /* half of it to all; doubled with every write */
	LONGEST_PAUSE_MS = 1000,
	LONGEST_MS = 60000,
	NEWEST = 32, /* what others removed lately is among these */
};

static const char index_type[] = "application/vnd.oci.image.index.v1+json";

/* An entry that was seen in the list, or is to be. */
struct seen {
	struct doc *entry;
	struct digest digest;
	bool is_own;
	bool
	    is_checked; /* its manifest was looked for since the list was right */
	bool is_gone;   /* it was not there: whoever removed it meant it */
};

struct guard {
	const struct repository *to;
	const struct referrer_addition *addition; /* NULL: a removal */
	const struct digest *unwanted;            /* or NULL */
	const _Atomic bool *is_cancelled;
	char tag[sizeof "sha256-" + DIGEST_HEX_SIZE];
	struct seen *seen;
	size_t n_seen;
	struct doc *list;     /* as it was read last */
	struct digest digest; /* its bytes'; zero: there is none */
	uint64_t looked_ns;   /* when the last look ended */
	uint64_t quiet_ns;    /* so long it has been the same, and whole */
	uint64_t slowest_ns;  /* of our writes */
	unsigned writes;
};

static void
guard_release(struct guard *g)
{
	for (size_t i = 0; i < g->n_seen; i++)
		doc_unref(g->seen[i].entry);
	free(g->seen);
	doc_unref(g->list);
}

/* ---- what was seen ---- */

/* Or is of no interest. */
static bool
has_seen(const struct guard *g, const struct digest *d)
{
	if (g->unwanted != NULL && digest_equal(g->unwanted, d))
		return true;
	for (size_t i = 0; i < g->n_seen; i++)
		if (digest_equal(&g->seen[i].digest, d))
			return true;
	return false;
}

static int
see(struct guard *g, struct doc *entry, bool is_own, struct err *e)
{
	struct seen *more, one = { .is_own = is_own };
	const char *text;

	if (!doc_is_object(entry))
		return err_set(e, EBADMSG, "an entry is no object");
	if (doc_get_string(entry, "digest", &text, e) < 0 ||
	    digest_parse(&one.digest, text, e) < 0)
		return -1;
	if (has_seen(g, &one.digest))
		return 0;
	if (g->n_seen == LIMIT_REFERRERS)
		return err_set(e, E2BIG, "over %d referrers", LIMIT_REFERRERS);
	more = reallocarray(g->seen, g->n_seen + 1, sizeof *more);
	if (more == NULL)
		return err_set(e, ENOMEM, "referrers");
	one.entry = doc_ref(entry);
	g->seen = more;
	g->seen[g->n_seen++] = one;
	return 0;
}

static int
see_own(struct guard *g, struct err *e)
{
	const struct referrer_addition *a = g->addition;
	AUTO_DOC struct doc *own = doc_new_object();
	struct digest d;

	digest_of(&d, a->manifest->bytes, a->manifest->len);
	doc_set_string(own, "mediaType", a->manifest->media_type);
	doc_set_string(own, "digest", DIGEST_TEXT(&d));
	doc_set_int(own, "size", a->manifest->len);
	if (a->annotations != NULL)
		doc_set(own, "annotations", doc_ref(a->annotations));
	doc_set_string(own, "artifactType", a->artifact_type);
	return see(g, own, true, e);
}

/* ---- the list ---- */

static bool
is_of(const struct doc *entry, const struct digest *d)
{
	const char *text = doc_string(doc_find(entry, "digest"));

	return text != NULL && strcmp(text, DIGEST_TEXT(d)) == 0;
}

static bool
lists(const struct doc *list, const struct digest *d)
{
	const struct doc *all = doc_find(list, "manifests");

	for (size_t i = 0; i < doc_count(all); i++)
		if (is_of(doc_at(all, i), d))
			return true;
	return false;
}

static struct doc *
new_list(void)
{
	struct doc *j = doc_new_object();

	doc_set_int(j, "schemaVersion", 2);
	doc_set_string(j, "mediaType", index_type);
	doc_set(j, "manifests", doc_new_array());
	return j;
}

static int
take_list(struct guard *g, const struct buf *text, struct err *e)
{
	AUTO_DOC struct doc *j = referrers_read_list(text->data, text->len, e);
	const struct doc *all = doc_find(j, "manifests");

	if (j == NULL)
		return err_set(e, EBADMSG, "it is no list: it is left alone");
	for (size_t i = 0; i < doc_count(all); i++)
		if (see(g, doc_at(all, i), false, e) < 0)
			return -1;
	doc_unref(g->list);
	g->list = take_ptr(&j);
	digest_of(&g->digest, text->data, text->len);
	return 0;
}

static int
ask(const struct guard *g, const char *method, const char *path,
    struct buf *out, struct err *e)
{
	const struct inquiry_plain q = { method, path, "list of referrers",
		LIMIT_MANIFEST_BYTES, g->is_cancelled };

	return inquiry_ask(g->to, &q, out, e);
}

static int
read_list(struct guard *g, struct err *e)
{
	char path[sizeof "manifests/" + sizeof g->tag];
	AUTO_BUF struct buf text = { 0 };
	struct err none = ERR_INIT;

	snprintf(path, sizeof path, "manifests/%s", g->tag);
	if (ask(g, NULL, path, &text, &none) == 0)
		return take_list(g, &text, e);
	if (none.code != ENOENT) {
		*e = none;
		return -1;
	}
	doc_unref(g->list);
	g->list = new_list();
	g->digest = (struct digest){ 0 };
	return 0;
}

/* ---- what is wrong with it ---- */

static int
check_manifest(struct guard *g, struct seen *s, struct err *e)
{
	char path[sizeof "manifests/" + DIGEST_TEXT_SIZE];
	AUTO_BUF struct buf text = { 0 };
	struct err none = ERR_INIT;

	snprintf(path, sizeof path, "manifests/%s", DIGEST_TEXT(&s->digest));
	s->is_checked = true;
	if (ask(g, "HEAD", path, &text, &none) == 0) {
		s->is_gone = false;
		return 0;
	}
	s->is_gone = none.code == ENOENT;
	if (s->is_gone)
		return 0;
	*e = none;
	return -1;
}

static bool
is_wrong(const struct guard *g, const struct seen *s)
{
	return lists(g->list, &s->digest) == s->is_gone;
}

/* Those that are missing, and those that are listed and whose manifest is gone: of
 * others' that is looked for first.  *wants_look: some were looked for, and the list
 * may be another by now. */
static int
count_wrong(struct guard *g, size_t *n, bool *wants_look, struct err *e)
{
	*n = 0;
	*wants_look = false;
	for (size_t i = 0; i < g->n_seen; i++) {
		struct seen *s = &g->seen[i];

		if (!is_wrong(g, s)) {
			s->is_checked = false;
			continue;
		}
		if (!s->is_own && !s->is_checked) {
			*wants_look = true;
			if (check_manifest(g, s, e) < 0)
				return -1;
		}
		*n += is_wrong(g, s);
	}
	return 0;
}

static void
leave_out(struct doc *list, const struct digest *d)
{
	struct doc *all = doc_find(list, "manifests");
	struct doc *rest = doc_new_array();

	for (size_t i = 0; i < doc_count(all); i++)
		if (!is_of(doc_at(all, i), d))
			doc_append(rest, doc_ref(doc_at(all, i)));
	doc_set(list, "manifests", rest);
}

static int
write_list(struct guard *g, struct err *e)
{
	AUTO_FREE char *text = NULL;
	struct upload_manifest m = { .tag = g->tag, .media_type = index_type };

	if (g->unwanted != NULL)
		leave_out(g->list, g->unwanted);
	for (size_t i = 0; i < g->n_seen; i++) {
		struct seen *s = &g->seen[i];

		s->is_checked = false;
		if (s->is_gone)
			leave_out(g->list, &s->digest);
		else if (!lists(g->list, &s->digest))
			doc_append(
			    doc_find(g->list, "manifests"), doc_ref(s->entry));
	}
	text = doc_to_json(g->list, false);
	m.bytes = text;
	m.len = strlen(text);
	if (m.len > LIMIT_MANIFEST_BYTES)
		return err_set(e, E2BIG, "the list is full");
	g->writes++;
	return upload_manifest(g->to, &m, NULL, e);
}

/* ---- the registry's own list ---- */

static enum referrers_api
api_of(const struct guard *g)
{
	return registry_referrers_api(g->to->registry, g->to->host);
}

/* Nobody needs a tag beside it, and there is none. */
static bool
has_api_alone(const struct guard *g)
{
	return api_of(g) == REFERRERS_API_PRESENT && digest_is_zero(&g->digest);
}

/* Not every registry that lists what refers to a manifest says so (OCI-Subject) when
 * it gets one: go-containerregistry does not.  Nobody who asks it looks at a tag. */
static bool
is_in_api(const struct guard *g)
{
	const struct referrer_addition *a = g->addition;
	AUTO_REFERRERS struct referrers all = { 0 };
	struct err ignored = ERR_INIT;
	struct digest own;

	if (a == NULL || api_of(g) == REFERRERS_API_ABSENT ||
	    referrers_find(
		g->to, a->subject, a->artifact_type, &all, &ignored) < 0 ||
	    api_of(g) != REFERRERS_API_PRESENT)
		return false;
	digest_of(&own, a->manifest->bytes, a->manifest->len);
	for (size_t i = 0; i < all.n; i++)
		if (digest_equal(&all.list[i].descriptor.digest, &own))
			return true;
	return false;
}

/* ---- until it stays ---- */

/* Half of it random, so that those who collided do not do so again. */
static void
pause_between(const struct guard *g)
{
	uint64_t most =
	    min_u64((uint64_t)FIRST_PAUSE_MS << min_u64(g->writes, 10),
		LONGEST_PAUSE_MS);
	uint64_t random = hash_u64(clock_now_ns() ^ (uintptr_t)g ^ getpid());
	uint64_t ms = most / 2 + random % (most / 2 + 1);
	struct timespec t = { ms / 1000, ms % 1000 * NS_PER_MS };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static bool
has_unwanted(const struct guard *g)
{
	return g->unwanted != NULL && lists(g->list, g->unwanted);
}

static struct seen *
find_seen(struct guard *g, const struct doc *entry)
{
	for (size_t i = 0; i < g->n_seen; i++)
		if (is_of(entry, &g->seen[i].digest))
			return &g->seen[i];
	return NULL;
}

/* Looks for the manifests of the newest entries.  1: they are there; 0: the next look
 * sees to it. */
static int
check_listed(struct guard *g, size_t most, struct err *e)
{
	const struct doc *all = doc_find(g->list, "manifests");
	size_t n = doc_count(all);
	bool is_right = true;

	for (size_t i = n - min_u64(n, most); i < n; i++) {
		struct seen *s = find_seen(g, doc_at(all, i));

		if (s == NULL || s->is_own)
			continue;
		if (check_manifest(g, s, e) < 0)
			return -1;
		is_right = is_right && !s->is_gone;
	}
	return is_right;
}

/* Registries refuse a list of which a manifest is gone: somebody else is about to
 * leave that out. */
static int
change_list(struct guard *g, struct err *e)
{
	struct err refused = ERR_INIT;
	uint64_t start_ns;
	int rc;

	if (g->writes == 0 && is_in_api(g))
		return 1;
	start_ns = clock_now_ns();
	rc = write_list(g, &refused);
	g->slowest_ns = max_u64(g->slowest_ns, clock_now_ns() - start_ns);
	if (rc == 0)
		return 0;
	if ((refused.code == EPROTO || refused.code == ENOENT) &&
	    check_listed(g, LIMIT_REFERRERS, e) == 0)
		return 0;
	*e = refused;
	return -1;
}

/* Others' writes take as long as ours.  Of the time between two looks no more counts
 * than a pause takes: where all stood still, others have not written yet. */
static bool
has_stayed(struct guard *g, bool is_same)
{
	uint64_t since_ns = clock_now_ns() - g->looked_ns;

	if (is_same)
		g->quiet_ns += min_u64(since_ns, LONGEST_PAUSE_MS * NS_PER_MS);
	else
		g->quiet_ns = 0;
	return g->quiet_ns >=
	       max_u64(REFERRERS_QUIET_MS * NS_PER_MS, 2 * g->slowest_ns);
}

/* 1: it has stayed as it shall for long enough. */
static int
look_once(struct guard *g, struct err *e)
{
	struct digest before = g->digest;
	bool is_first = g->list == NULL, wants_look;
	size_t n_wrong;

	if (read_list(g, e) < 0 || count_wrong(g, &n_wrong, &wants_look, e) < 0)
		return -1;
	if (n_wrong > 0 || has_unwanted(g)) {
		g->quiet_ns = 0;
		return wants_look ? 0 : change_list(g, e);
	}
	/* Somebody else's work, who looks after it. */
	if (is_first && (g->addition != NULL || has_api_alone(g)))
		return 1;
	if (!has_stayed(g, !is_first && digest_equal(&before, &g->digest)))
		return 0;
	/* Who removes one takes its manifest away first.  So what we had read before
	 * and wrote after he left it out is found by us, however late that was. */
	return g->writes == 0 ? 1 : check_listed(g, NEWEST, e);
}

static int
keep_listed(struct guard *g, struct err *e)
{
	uint64_t until_ns = clock_now_ns() + LONGEST_MS * NS_PER_MS;
	int rc;

	while ((rc = look_once(g, e)) == 0) {
		g->looked_ns = clock_now_ns();
		if (g->is_cancelled != NULL && atomic_load(g->is_cancelled))
			return err_set(e, ECANCELED, "cancelled");
		if (clock_now_ns() > until_ns)
			return err_set(
			    e, EAGAIN, "others change it again and again");
		pause_between(g);
	}
	return rc < 0 ? -1 : 0;
}

static int
add_to_tag(const struct repository *to, const struct referrer_addition *a,
    struct err *e)
{
	CLEANUP(guard_release)
	struct guard g = {
		.to = to, .addition = a, .is_cancelled = a->is_cancelled
	};

	snprintf(g.tag, sizeof g.tag, "sha256-%s", DIGEST_HEX(a->subject));
	if (see_own(&g, e) == 0 && keep_listed(&g, e) == 0)
		return 0;
	return err_wrap(
	    e, "%s/%s:%s: list of referrers", to->host, to->path, g.tag);
}

int
referrers_add(const struct repository *to, const struct referrer_addition *a,
    struct err *e)
{
	bool has_subject;

	if (upload_manifest(to, a->manifest, &has_subject, e) < 0)
		return -1;
	return has_subject ? 0 : add_to_tag(to, a, e);
}

int
referrers_remove(const struct repository *to, const struct digest *subject,
    const struct digest *manifest, const _Atomic bool *is_cancelled,
    struct err *e)
{
	CLEANUP(guard_release)
	struct guard g = {
		.to = to, .unwanted = manifest, .is_cancelled = is_cancelled
	};

	if (upload_remove_manifest(to, manifest, e) < 0)
		return -1;
	snprintf(g.tag, sizeof g.tag, "sha256-%s", DIGEST_HEX(subject));
	if (keep_listed(&g, e) == 0)
		return 0;
	return err_wrap(
	    e, "%s/%s:%s: list of referrers", to->host, to->path, g.tag);
}
