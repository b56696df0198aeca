/* layerfs stat: the store and its counters, or one image. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "cli/report.h"
#include "cli/request.h"
#include "cli/session.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/metrics.h"

static int64_t
number_of(const struct doc *o, const char *key)
{
	return doc_int(doc_find(o, key));
}

/* What this version knows the meaning of. */
static void
print_counters(const struct doc *counters)
{
	static const char *const heads[] = { "COUNTER", "VALUE", "MEANING" };
	AUTO_TABLE struct table t = { 0 };

	if (!doc_is_object(counters))
		return;
	table_init(&t, heads, 3, 1 << 1);
	for (int m = 0; m < METRIC_COUNT; m++) {
		char value[OUTPUT_WORD];

		snprintf(value, sizeof value, "%" PRId64,
		    number_of(counters, metric_name(m)));
		table_add(&t, metric_name(m));
		table_add(&t, value);
		table_add(&t, metric_help(m));
	}
	putchar('\n');
	table_print(&t, stdout);
}

/* The bounds that are set. */
static void
print_cache(const struct doc *cache)
{
	int64_t quota = number_of(cache, "quota_bytes");
	int64_t min_free = number_of(cache, "min_free_bytes");

	if (quota > 0) {
		report_size("Quota", quota);
		report_size("Drops from", number_of(cache, "high_bytes"));
		report_size("Down to", number_of(cache, "low_bytes"));
	}
	if (min_free > 0)
		report_size("Keep free", min_free);
	if (doc_bool(doc_find(cache, "over")))
		report_text("Bounds", "crossed, and nothing may go");
}

static void
print_fetching(const struct doc *fetching)
{
	char coming[96];

	if (!doc_is_object(fetching))
		return; /* an older daemon */
	snprintf(coming, sizeof coming,
	    "%" PRId64 " chunks by %" PRId64 " requests, %" PRId64
	    " reads wait",
	    number_of(fetching, "chunks"), number_of(fetching, "requests"),
	    number_of(fetching, "waiting"));
	report_text("On the way", coming);
	if (number_of(fetching, "resting") > 0)
		report_number("Not given", number_of(fetching, "resting"));
}

static void
print_store(const struct doc *result)
{
	const struct doc *store = doc_find(result, "store");
	const struct doc *kind = doc_find(result, "kind");

	report_number("Images", number_of(store, "images"));
	report_number("Layers", number_of(store, "layers"));
	report_number("Objects", number_of(store, "objects"));
	report_size("Data", number_of(store, "data_bytes"));
	report_size("Present", number_of(store, "present_bytes"));
	report_size("Disk free", number_of(store, "free_bytes"));
	print_cache(doc_find(result, "cache"));
	print_fetching(doc_find(result, "fetching"));
	report_number("Mounts", number_of(result, "mounts"));
	report_text("Kind", doc_string(doc_find(kind, "name")));
	report_text("Why", doc_string(doc_find(kind, "why")));
	print_counters(doc_find(result, "counters"));
}

static void
print_image(const struct doc *image)
{
	AUTO_BUF struct buf users = BUF_INIT(LIMIT_CONTROL_MESSAGE_BYTES);
	int64_t used_s = number_of(image, "last_used");

	report_text("Image", doc_string(doc_find(image, "image")));
	report_words("References", doc_find(image, "references"));
	report_append_holders(&users, doc_find(image, "holders"));
	report_text("Used by", buf_str(&users));
	report_text("Problem", doc_string(doc_find(image, "problem")));
	report_size("Size", number_of(image, "size"));
	report_size("Present", number_of(image, "present"));
	report_size("Own", number_of(image, "unique"));
	report_size("Shared", number_of(image, "shared"));
	report_text(
	    "Used", used_s == 0 ? "never" : AGE_TEXT(clock_wall_s() - used_s));
	report_profile(doc_find(image, "profile"));
	report_layers(doc_find(image, "layer_list"));
}

int
cmd_stat(struct session *s)
{
	const char *text =
	    s->args->n_operands == 0 ? NULL : s->args->operands[0];
	AUTO_REQUEST struct request r;
	AUTO_DOC struct doc *result = NULL;
	struct err e;

	request_init(&r, "stat");
	if ((text == NULL || request_set_reference(&r, text, &e) == 0) &&
	    session_connect(s, SESSION_FIND, &e) == 0)
		result = session_call(s, &r, &e);
	if (result == NULL)
		return session_fail(s, &e, "stat%s%s", text == NULL ? "" : " ",
		    text == NULL ? "" : text);
	if (s->is_json)
		output_json(result);
	else if (text == NULL)
		print_store(result);
	else
		print_image(result);
	return STATUS_DONE;
}
