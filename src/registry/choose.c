/* Which manifest of an index is this machine's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/manifest.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

/* podman pushes an image twice into one index, compressed by gzip and by zstd,
 * and marks the latter: the one that can be read in parts. */
static const char zstd_annotation[] = "io.github.containers.compression.zstd";

enum {
	RANK_NONE = 0,
	RANK_SOLE = 1,       /* the only entry, of no platform */
	RANK_LOWER = 2,      /* plus the variant's number */
	RANK_NEUTRAL = 1000, /* entry without variant */
	RANK_EXACT = 2000,
	RANK_ZSTD = 1, /* added to the doubled rank */
};

struct entry_platform {
	const char *os;
	const char *architecture;
	const char *variant; /* "" when absent */
};

/* "v8" -> 8; 0 for anything else. */
static int
variant_number(const char *s)
{
	size_t n = *s == 'v' ? strspn(s + 1, "0123456789") : 0;

	return n >= 1 && n <= 2 && s[1 + n] == 0 ? atoi(s + 1) : 0;
}

/* What an architecture without variant can run. */
static const char *
default_variant(const char *architecture)
{
	if (strcmp(architecture, "arm64") == 0)
		return "v8";
	if (strcmp(architecture, "arm") == 0)
		return "v7";
	if (strcmp(architecture, "amd64") == 0)
		return "v1";
	return "";
}

static int
rank_platform(const struct entry_platform *p, const struct platform *want)
{
	const char *variant = want->variant != NULL
				  ? want->variant
				  : default_variant(want->architecture);
	int number = variant_number(p->variant);

	if (strcmp(p->os, want->os) != 0 ||
	    strcmp(p->architecture, want->architecture) != 0)
		return RANK_NONE;
	if (*p->variant == 0)
		return want->variant == NULL ? RANK_EXACT : RANK_NEUTRAL;
	if (strcmp(p->variant, variant) == 0)
		return want->variant == NULL ? RANK_NEUTRAL : RANK_EXACT;
	if (number > 0 && number < variant_number(variant))
		return RANK_LOWER + number;
	return RANK_NONE;
}

static int
read_platform(struct entry_platform *p, const struct doc *entry, struct err *e)
{
	struct doc *j = doc_find(entry, "platform");

	*p = (struct entry_platform){ "", "", "" };
	if (j == NULL)
		return 0;
	if (!doc_is_object(j))
		return err_set(e, EBADMSG, "\"platform\" is not an object");
	return doc_find_string(j, "os", &p->os, e) |
	       doc_find_string(j, "architecture", &p->architecture, e) |
	       doc_find_string(j, "variant", &p->variant, e);
}

static bool
is_zstd(const struct doc *entry)
{
	const char *v = doc_string(
	    doc_find(doc_find(entry, "annotations"), zstd_annotation));

	return v != NULL && strcmp(v, "true") == 0;
}

static bool
is_artifact(const struct doc *entry)
{
	const char *type = doc_string(doc_find(entry, "artifactType"));

	return type != NULL && *type != 0 && !manifest_is_image_config(type);
}

static int
rank_entry(const struct doc *entry, size_t n_entries,
    const struct platform *want, int *rank, struct err *e)
{
	struct entry_platform p;

	if (!doc_is_object(entry))
		return err_set(e, EBADMSG, "an entry that is no object");
	if (read_platform(&p, entry, e) < 0)
		return -1;
	*rank = is_artifact(entry) ? RANK_NONE : rank_platform(&p, want);
	if (*p.os == 0 && *p.architecture == 0 && n_entries == 1)
		*rank = RANK_SOLE;
	if (*rank != RANK_NONE)
		*rank = 2 * *rank + (is_zstd(entry) ? RANK_ZSTD : 0);
	return 0;
}

static int
none_fits(const struct doc *entries, const struct platform *want, struct err *e)
{
	char text[160] = "";
	size_t at = 0;

	for (size_t i = 0; i < doc_count(entries); i++) {
		struct entry_platform p;
		int n;

		if (read_platform(&p, doc_at(entries, i), e) < 0)
			return -1;
		if (*p.os == 0 || strcmp(p.os, "unknown") == 0)
			continue;
		n = snprintf(text + at, sizeof text - at, "%s%.20s/%.20s%s%.8s",
		    at > 0 ? ", " : "", p.os, p.architecture,
		    *p.variant != 0 ? "/" : "", p.variant);
		if (at + n >= sizeof text)
			break;
		at += n;
	}
	text[at] = 0;
	return err_set(e, ENOENT, "no manifest for %s/%s; there are: %s",
	    want->os, want->architecture, at > 0 ? text : "none");
}

static struct doc *
best_entry(
    const struct doc *entries, const struct platform *want, struct err *e)
{
	struct doc *best = NULL;
	int best_rank = RANK_NONE, rank = RANK_NONE;
	size_t n = doc_count(entries);

	if (n > LIMIT_PLATFORMS) {
		err_set(e, EBADMSG, "%zu manifests in the index, at most %d", n,
		    LIMIT_PLATFORMS);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		if (rank_entry(doc_at(entries, i), n, want, &rank, e) < 0)
			return NULL;
		if (rank > best_rank) {
			best_rank = rank;
			best = doc_at(entries, i);
		}
	}
	if (best == NULL)
		none_fits(entries, want, e);
	return best;
}

int
manifest_choose(const void *p, size_t n, const struct platform *want,
    struct descriptor *out, struct err *e)
{
	AUTO_DOC struct doc *j = NULL;
	struct doc *entries, *best;
	enum manifest_kind kind;

	if (manifest_kind(p, n, &kind, e) < 0)
		return -1;
	if (kind != MANIFEST_INDEX)
		return err_set(e, EBADMSG, "a manifest, not an index");
	j = doc_parse_json(p, n, e);
	if (j == NULL || doc_get_array(j, "manifests", &entries, e) < 0)
		return -1;
	best = best_entry(entries, want, e);
	return best == NULL ? -1 : descriptor_parse(out, best, e);
}
