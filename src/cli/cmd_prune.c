/* layerfs prune: images that nobody uses go. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/output.h"
#include "cli/request.h"
#include "cli/session.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"

enum { UNUSED_DAYS = 7, MINUTE_S = 60, HOUR_S = 3600, DAY_S = 24 * HOUR_S };

static int64_t
seconds_of(char unit)
{
	switch (unit) {
	case 'm':
		return MINUTE_S;
	case 'h':
		return HOUR_S;
	case 'd':
		return DAY_S;
	case 'w':
		return 7 * DAY_S;
	default:
		return 0;
	}
}

static int
parse_time(const char *text, int64_t *seconds, struct err *e)
{
	char *end;
	int64_t unit;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	unit = *end == 0 ? 0 : seconds_of(*end);
	if (errno != 0 || end == text || *text == '-' || unit == 0 ||
	    end[1] != 0 || n > (uint64_t)(INT64_MAX / unit))
		return err_set(e, EINVAL,
		    "--unused %s is no time: a number and m, h, d or w", text);
	*seconds = n * unit;
	return 0;
}

static int
set_time(const struct session *s, struct request *r, struct err *e)
{
	const char *unused = s->args->values[OPTION_UNUSED];
	bool all = arguments_has(s->args, OPTION_ALL);
	int64_t seconds = all ? 0 : UNUSED_DAYS * DAY_S;

	if (all && unused != NULL)
		return err_set(
		    e, EINVAL, "--all and --unused exclude each other");
	if (unused != NULL && parse_time(unused, &seconds, e) < 0)
		return -1;
	doc_set_int(r->doc, "unused_s", seconds);
	return 0;
}

static void
print_image(const struct session *s, const struct doc *image)
{
	const char *label = doc_string(doc_find(image, "label"));
	const char *digest = doc_string(doc_find(image, "image"));
	int64_t used_s = doc_int(doc_find(image, "last_used"));

	if (s->is_quiet) {
		output_print_safe(stdout, digest);
		putchar('\n');
		return;
	}
	output_print_safe(
	    stdout, label != NULL && *label != 0 ? label : "<none>");
	printf(" (%s): used %s\n", SHORT_DIGEST(digest),
	    AGE_TEXT(clock_wall_s() - used_s));
}

static void
print(const struct session *s, const struct doc *result)
{
	const struct doc *images = doc_find(result, "images");

	for (size_t i = 0; i < doc_count(images); i++)
		print_image(s, doc_at(images, i));
	if (!s->is_quiet)
		printf("%zu image%s, %s %s\n", doc_count(images),
		    doc_count(images) == 1 ? "" : "s",
		    SIZE_TEXT(doc_int(doc_find(result, "freed_bytes"))),
		    arguments_has(s->args, OPTION_DRY_RUN) ? "would be freed"
							   : "freed");
}

int
cmd_prune(struct session *s)
{
	AUTO_REQUEST struct request r;
	AUTO_DOC struct doc *result = NULL;
	struct err e;

	request_init(&r, "prune");
	if (set_time(s, &r, &e) < 0)
		return session_misuse(command_find("prune"), &e);
	if (arguments_has(s->args, OPTION_DRY_RUN))
		doc_set_bool(r.doc, "dry_run", true);
	if (session_connect(s, SESSION_FIND, &e) == 0)
		result = session_call(s, &r, &e);
	if (result == NULL)
		return session_fail(s, &e, "prune");
	if (s->is_json)
		output_json(result);
	else
		print(s, result);
	return STATUS_DONE;
}
