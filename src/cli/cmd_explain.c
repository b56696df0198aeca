/* layerfs explain: of each layer of an image, lazy or why not. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/output.h"
#include "cli/report.h"
#include "cli/request.h"
#include "cli/session.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"

static const char *
state_of(const struct doc *l)
{
	if (doc_bool(doc_find(l, "is_here")))
		return "here";
	return doc_find(l, "fallback") != NULL ? "downloaded" : "absent";
}

/* Why a runtime downloaded it matters until the layer is here after all. */
static const char *
reason_of(const struct doc *l)
{
	const char *fallback = doc_string(doc_find(l, "fallback"));

	if (fallback != NULL && !doc_bool(doc_find(l, "is_here")))
		return fallback;
	return doc_string(doc_find(l, "reason"));
}

static void
add_layer(struct table *t, size_t i, const struct doc *l)
{
	int64_t size = doc_int(doc_find(l, "size"));
	char number[OUTPUT_WORD];

	snprintf(number, sizeof number, "%zu", i);
	table_add(t, number);
	table_add(t, SHORT_DIGEST(doc_string(doc_find(l, "layer"))));
	table_add(t, state_of(l));
	table_add(t, doc_bool(doc_find(l, "lazy")) ? "yes" : "no");
	table_add(t, doc_string(doc_find(l, "format")));
	table_add(t, SIZE_TEXT(doc_int(doc_find(l, "blob_size"))));
	table_add(t, doc_find(l, "present") == NULL
			 ? ""
			 : SHARE_TEXT(doc_int(doc_find(l, "present")), size));
	table_add(t, doc_find(l, "missing_bytes") == NULL
			 ? ""
			 : SIZE_TEXT(doc_int(doc_find(l, "missing_bytes"))));
	table_add(t, reason_of(l));
}

static void
print_layers(const struct doc *layers)
{
	static const char *const heads[] = { "N", "LAYER", "STATE", "LAZY",
		"FORMAT", "BLOB", "PRESENT", "MISSING", "WHY" };
	AUTO_TABLE struct table t;

	table_init(&t, heads, 9, 1 << 0 | 1 << 5 | 1 << 6 | 1 << 7);
	for (size_t i = 0; i < doc_count(layers); i++)
		add_layer(&t, i, doc_at(layers, i));
	putchar('\n');
	table_print(&t, stdout);
}

static void
print(const struct doc *result)
{
	AUTO_BUF struct buf users = BUF_INIT(LIMIT_CONTROL_MESSAGE_BYTES);
	const struct doc *layers = doc_find(result, "layer_list");
	int64_t resolved_s = doc_int(doc_find(result, "resolved"));
	char count[2 * OUTPUT_WORD];
	size_t lazy = 0;

	for (size_t i = 0; i < doc_count(layers); i++)
		lazy += doc_bool(doc_find(doc_at(layers, i), "lazy"));
	snprintf(
	    count, sizeof count, "%zu of %zu layers", lazy, doc_count(layers));
	report_append_holders(&users, doc_find(result, "holders"));
	report_text("Reference", doc_string(doc_find(result, "reference")));
	report_text("Image", doc_string(doc_find(result, "image")));
	if (!doc_bool(doc_find(result, "is_known")))
		report_text("Known", "no; this is what its manifest says");
	if (resolved_s != 0)
		report_text("As of", AGE_TEXT(clock_wall_s() - resolved_s));
	report_text("Used by", buf_str(&users));
	report_text("Lazy", count);
	print_layers(layers);
}

int
cmd_explain(struct session *s)
{
	const char *text = s->args->operands[0];
	AUTO_REQUEST struct request r;
	AUTO_DOC struct doc *result = NULL;
	struct err e;

	request_init(&r, "explain");
	if (request_set_image(&r, s->args, text, &e) == 0 &&
	    session_connect(s, SESSION_START, &e) == 0)
		result = session_call(s, &r, &e);
	if (result == NULL)
		return session_fail(s, &e, "explain %s", text);
	if (s->is_json)
		output_json(result);
	else
		print(result);
	return STATUS_DONE;
}
