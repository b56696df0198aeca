#include "cli/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

void
report_text(const char *name, const char *value)
{
	if (value == NULL || value[0] == 0)
		return;
	printf("%s:%*s", name, (int)(13 - output_width(name)), "");
	output_print_safe(stdout, value);
	putchar('\n');
}

void
report_number(const char *name, int64_t value)
{
	char text[OUTPUT_WORD];

	snprintf(text, sizeof text, "%" PRId64, value);
	report_text(name, text);
}

void
report_size(const char *name, int64_t bytes)
{
	report_text(name, SIZE_TEXT(bytes));
}

void
report_words(const char *name, const struct doc *words)
{
	AUTO_BUF struct buf line = BUF_INIT(LIMIT_CONTROL_MESSAGE_BYTES);
	struct err full;

	for (size_t i = 0; i < doc_count(words); i++) {
		const char *word = doc_string(doc_at(words, i));

		if (word != NULL)
			buf_printf(
			    &line, &full, "%s%s", i == 0 ? "" : " ", word);
	}
	report_text(name, buf_str(&line));
}

void
report_profile(const struct doc *profile)
{
	char text[4 * OUTPUT_WORD];

	if (profile == NULL)
		return;
	snprintf(text, sizeof text, "%" PRId64 " files, %s, %" PRId64 " runs",
	    doc_int(doc_find(profile, "files")),
	    SIZE_TEXT(doc_int(doc_find(profile, "size"))),
	    doc_int(doc_find(profile, "runs")));
	report_text("Profile", text);
}

/* A kind that this version does not know is shown as the daemon calls it. */
static const char *
kind_name(const char *kind)
{
	static const char *const names[][2] = { { "mount", "mount" },
		{ "snapshot", "containerd snapshot" },
		{ "podman", "podman layer" }, { "moved", "lost name" } };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i][0], kind) == 0)
			return names[i][1];
	return kind;
}

void
report_append_holders(struct buf *out, const struct doc *holders)
{
	struct err full;

	if (!doc_is_object(holders))
		return;
	doc_for_each((struct doc *)holders, kind, v) {
		buf_printf(out, &full, "%s%" PRId64 " %s%s",
		    out->len == 0 ? "" : ", ", doc_int(v), kind_name(kind),
		    doc_int(v) == 1 ? "" : "s");
	}
}

static void
add_layer(struct table *t, size_t i, const struct doc *l)
{
	int64_t size = doc_int(doc_find(l, "size"));
	const struct doc *lazy = doc_find(l, "lazy");
	char number[OUTPUT_WORD];

	snprintf(number, sizeof number, "%zu", i);
	table_add(t, number);
	table_add(t, SHORT_DIGEST(doc_string(doc_find(l, "layer"))));
	table_add(t, doc_string(doc_find(l, "format")));
	table_add(t, !doc_is_bool(lazy) ? "" : doc_bool(lazy) ? "yes" : "no");
	table_add(t, SIZE_TEXT(doc_int(doc_find(l, "blob_size"))));
	table_add(t, doc_find(l, "size") == NULL ? "" : SIZE_TEXT(size));
	table_add(t, doc_find(l, "present") == NULL
			 ? ""
			 : SHARE_TEXT(doc_int(doc_find(l, "present")), size));
	snprintf(
	    number, sizeof number, "%" PRId64, doc_int(doc_find(l, "files")));
	table_add(t, doc_find(l, "files") == NULL ? "" : number);
	table_add(
	    t, doc_string(doc_find(
		   l, doc_find(l, "missing") != NULL ? "missing" : "reason")));
}

void
report_layers(const struct doc *layer_list)
{
	static const char *const heads[] = { "N", "LAYER", "FORMAT", "LAZY",
		"BLOB", "SIZE", "PRESENT", "FILES", "WHY" };
	AUTO_TABLE struct table t = { 0 };

	if (!doc_is_array(layer_list))
		return;
	table_init(&t, heads, 9, 1 << 0 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7);
	for (size_t i = 0; i < doc_count(layer_list); i++)
		add_layer(&t, i, doc_at(layer_list, i));
	putchar('\n');
	table_print(&t, stdout);
}
