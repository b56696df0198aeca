/* layerfs ls, layerfs images: one row each. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/output.h"
#include "cli/report.h"
#include "cli/session.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

static const char *
text_of(const struct doc *o, const char *key)
{
	const char *text = doc_string(doc_find(o, key));

	return text == NULL ? "" : text;
}

static int64_t
number_of(const struct doc *o, const char *key)
{
	return doc_int(doc_find(o, key));
}

static void
add_age(struct table *t, const struct doc *o, const char *key)
{
	int64_t at_s = number_of(o, key);

	table_add(t, at_s == 0 ? "never" : AGE_TEXT(clock_wall_s() - at_s));
}

/* Of an image whose layers cannot be opened the daemon says no sizes. */
static void
add_sizes(struct table *t, const struct doc *o)
{
	if (doc_find(o, "size") == NULL) {
		table_add(t, "?");
		table_add(t, "?");
		return;
	}
	table_add(t, SIZE_TEXT(number_of(o, "size")));
	table_add(t, SHARE_TEXT(number_of(o, "present"), number_of(o, "size")));
}

/* One line of each entry's `key`, for scripts. */
static void
print_names(const struct doc *list, const char *key)
{
	for (size_t i = 0; i < doc_count(list); i++) {
		output_print_safe(stdout, text_of(doc_at(list, i), key));
		putchar('\n');
	}
}

static const char *
name_of(const struct doc *image)
{
	const char *label = text_of(image, "label");

	return *label == 0 ? "<none>" : label;
}

static void
add_holders(struct table *t, const struct doc *image)
{
	AUTO_BUF struct buf text = BUF_INIT(LIMIT_CONTROL_MESSAGE_BYTES);

	report_append_holders(&text, doc_find(image, "holders"));
	table_add(t, buf_str(&text));
}

/* Below the mounts what container runtimes use; those have no target. */
static void
add_users(struct table *t, const struct doc *users)
{
	for (size_t i = 0; i < doc_count(users); i++) {
		const struct doc *u = doc_at(users, i);

		add_holders(t, u);
		table_add(t, name_of(u));
		table_add(t, SHORT_DIGEST(text_of(u, "image")));
		table_add(t, "");
		table_add(t, "");
		add_sizes(t, u);
		add_age(t, u, "last_used");
		table_add(t, "");
	}
}

static void
print_note(const struct doc *mount, const char *note, const char *why)
{
	output_print_safe(stdout, text_of(mount, "target"));
	printf(": %s", note);
	if (*why != 0)
		printf(": "), output_print_safe(stdout, why);
	putchar('\n');
}

/* What a mount's row has no room for: that it is one layer, who waits for whom, and
 * how old it is. */
static void
print_notes(const struct doc *m)
{
	int64_t waiting = number_of(m, "waiting");
	char note[200];

	if (doc_find(m, "layer") != NULL)
		print_note(m, "not the image, its layer",
		    SHORT_DIGEST(text_of(m, "layer")));
	if (waiting > 0) {
		const char *host = text_of(m, "host");

		snprintf(note, sizeof note,
		    "%" PRId64 " read%s wait%s%s%.100s since %" PRId64
		    " s (%s)",
		    waiting, waiting == 1 ? "" : "s", waiting == 1 ? "s" : "",
		    *host != 0 ? " for " : "", host,
		    number_of(m, "oldest_wait_ms") / 1000,
		    text_of(m, "unreachable"));
		print_note(m, note, text_of(m, "why"));
	}
	if (doc_bool(doc_find(m, "stale"))) {
		snprintf(note, sizeof note,
		    "as known %s; no registry answered when it was mounted",
		    AGE_TEXT(clock_wall_s() - number_of(m, "resolved")));
		print_note(m, note, "");
	}
}

static void
print_mounts(const struct doc *result)
{
	static const char *const heads[] = { "TARGET", "REFERENCE", "IMAGE",
		"KIND", "ACCESS", "SIZE", "PRESENT", "MOUNTED", "STATE" };
	const struct doc *mounts = doc_find(result, "mounts");
	AUTO_TABLE struct table t;

	table_init(&t, heads, 9, 1 << 5 | 1 << 6);
	for (size_t i = 0; i < doc_count(mounts); i++) {
		const struct doc *m = doc_at(mounts, i);

		table_add(&t, text_of(m, "target"));
		table_add(&t, text_of(m, "reference"));
		table_add(&t, SHORT_DIGEST(text_of(m, "image")));
		table_add(&t, text_of(m, "kind"));
		table_add(&t, doc_bool(doc_find(m, "rw")) ? "rw" : "ro");
		add_sizes(&t, m);
		add_age(&t, m, "since");
		table_add(&t, output_state(m, (char[OUTPUT_STATE]){ 0 }));
	}
	add_users(&t, doc_find(result, "users"));
	table_print(&t, stdout);
	for (size_t i = 0; i < doc_count(mounts); i++)
		print_notes(doc_at(mounts, i));
}

static void
add_share(struct table *t, const struct doc *image, const char *key)
{
	table_add(t, doc_find(image, key) == NULL
			 ? "?"
			 : SIZE_TEXT(number_of(image, key)));
}

static void
add_image(struct table *t, const char *name, const struct doc *image)
{
	char layers[OUTPUT_WORD];

	snprintf(
	    layers, sizeof layers, "%jd", (intmax_t)number_of(image, "layers"));
	table_add(t, name);
	table_add(t, SHORT_DIGEST(text_of(image, "image")));
	table_add(t, layers);
	add_sizes(t, image);
	add_share(t, image, "unique");
	add_share(t, image, "shared");
	add_age(t, image, "last_used");
	add_holders(t, image);
}

/* A row for each name, as podman has it. */
static void
print_images(const struct doc *result)
{
	static const char *const heads[] = { "REFERENCE", "IMAGE", "LAYERS",
		"SIZE", "PRESENT", "OWN", "SHARED", "USED", "USED BY" };
	const struct doc *images = doc_find(result, "images");
	AUTO_TABLE struct table t;

	table_init(&t, heads, 9, 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6);
	for (size_t i = 0; i < doc_count(images); i++) {
		const struct doc *image = doc_at(images, i);
		const struct doc *names = doc_find(image, "references");

		for (size_t j = 0; j < doc_count(names); j++)
			add_image(&t, doc_string(doc_at(names, j)), image);
		if (doc_count(names) == 0)
			add_image(&t, name_of(image), image);
	}
	table_print(&t, stdout);
}

static int
list(struct session *s, const char *op, const char *member, const char *name,
    void (*print)(const struct doc *))
{
	struct err e;
	AUTO_DOC struct doc *result = session_ask(s, SESSION_FIND, op, &e);
	struct doc *entries;

	if (result == NULL || doc_get_array(result, member, &entries, &e) < 0)
		return session_fail(s, &e, "%s", op);
	if (s->is_json)
		output_json(result);
	else if (s->is_quiet)
		print_names(entries, name);
	else
		print(result);
	return STATUS_DONE;
}

int
cmd_ls(struct session *s)
{
	return list(s, "ls", "mounts", "target", print_mounts);
}

int
cmd_images(struct session *s)
{
	return list(s, "images", "images", "image", print_images);
}
